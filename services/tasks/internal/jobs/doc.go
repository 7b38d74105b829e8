// Package jobs does what becomes due on tasks: offers find their receiver and their times, and expire.
package jobs
