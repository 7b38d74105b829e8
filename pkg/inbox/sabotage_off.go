//go:build !sabotage

package inbox

// forgets says whether an effect is had again that was had before. None is: only the chaos harness builds an inbox that
// forgets, to show that it finds that.
func forgets() bool { return false }
