// Command tasksd serves Meridian's tasks and handoffs.
package main

import (
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/tasks"
)

func main() { boot.Main("tasks", "Meridian's tasks and handoffs.", tasks.New, tasks.Sets()...) }
