// Package domain holds the rules of availability: what weekly hours, the layers over them and time off may be and become,
// how they make up a member's working time, and what follows from it for a sender.
//
// It promises to be pure: no clock, no database, no wire format. Times and ids are given to it; the arithmetic of time is
// package worktime's; and what it refuses it refuses with a fault that names the field or the state.
package domain
