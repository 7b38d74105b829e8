// Package upgrade holds the tests of what happens when replicas of running services are replaced one by one, by the same
// version or by the next: real processes of the services' own binaries behind ordinary clients, under load.
package upgrade
