package upgrade

import "testing"

// TestReplicasAreReplacedOneByOneUnderLoad: two replicas of every service, each stopped in order and started again while
// clients work. No request fails that its client's retry does not cure, and nothing is done twice.
func TestReplicasAreReplacedOneByOneUnderLoad(t *testing.T) {
	t.Parallel()
	binaries := build(t)
	w := newTown(t)
	replicas := map[string]*replica{}
	for _, service := range services {
		for _, host := range w.hosts {
			replicas[service+host] = w.run(binaries, service, host)
		}
	}
	c := newCrowd(t, w)
	c.work()
	c.progress()
	for _, service := range services {
		for _, host := range w.hosts {
			replicas[service+host].stop()
			c.progress()
			replicas[service+host] = w.run(binaries, service, host)
			c.progress()
		}
	}
	c.end()
}

// TestThePreviousVersionServesBesideThisOne: a replica of the version before this one of every service, then one of this
// version beside each, which migrates the schema under it, then this version alone; under load all the while.
func TestThePreviousVersionServesBesideThisOne(t *testing.T) {
	t.Parallel()
	older := build(t, previous(t))
	newer := build(t)
	w := newTown(t)
	var old []*replica
	for _, service := range services {
		old = append(old, w.run(older, service, w.hosts[0]))
	}
	c := newCrowd(t, w)
	c.work()
	c.progress()
	for _, service := range services {
		w.run(newer, service, w.hosts[1])
		c.progress()
	}
	for _, each := range old {
		each.stop()
		c.progress()
	}
	c.end()
}
