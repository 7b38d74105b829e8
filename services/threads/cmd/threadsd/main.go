// Command threadsd serves Meridian's conversations.
package main

import (
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/threads"
)

func main() { boot.Main("threads", "Meridian's conversations.", threads.New, threads.Sets()...) }
