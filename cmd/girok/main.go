// The program girok takes records of other programs, delivers what lies in the
// spool, and shows what there is.
//
//	stdin ─► source ─► tree ─► spool ─► deliver ─► duckdb, sqlite …
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitMistake = 1 // a mistake, or something was found that somebody should look at
	exitUsage   = 2 // of the command line
	exitWaits   = 3 // records are not delivered yet, or went to the dead letters
)

// commands are those of the program, in the order of help.
func commands() []command {
	return []command{
		initCommand, runCommand, checkCommand, queryCommand,
		spoolLsCommand, spoolDumpCommand, spoolDrainCommand, spoolRedirectCommand, spoolDropCommand,
		deadLsCommand, deadShowCommand, deadReplayCommand, deadDropCommand, topCommand, tailCommand, levelCommand,
		crashTestCommand, ddlCommand, schemaCommand, completionCommand(), manCommand(), versionCommand,
	}
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	p.hurry.asked = make(chan struct{})
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go p.hurry.heed(signals, stop, die)
	os.Exit(p.main(ctx, os.Args[1:]))
}
