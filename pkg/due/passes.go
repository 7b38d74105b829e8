package due

import "sync"

// passes counts the looks at the rows.
type passes struct {
	mu      sync.Mutex
	begun   uint64
	none    uint64 // the newest that found nothing
	changed chan struct{}
}

func (p *passes) begin() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	return p.begun
}

func (p *passes) count() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}

func (p *passes) empty(pass uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.none = pass
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *passes) state() (none uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.none, p.changed
}
