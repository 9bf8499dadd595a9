// The program serving answers POST /predict with the species of an iris, and
// logs each prediction to the console, a JSON file and an SQLite table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/store/sqlite"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; port 0 takes a free one")
	config := flag.String("config", "config.yaml", "where records go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr, config string) (err error) {
	logs, err := girok.Open(config, sqlite.Kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	defer logs.Recover()
	log := logs.Logger("serving")
	m, err := trained(log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	log.Info("listening on http://" + l.Addr().String())
	s := &server{model: m, log: logs.Logger("MLLogger")}
	return serve(ctx, l, s.routes(), slog.NewLogLogger(log.Handler(), slog.LevelError))
}

// trained trains the model and says how good it is on flowers that it has not
// seen.
func trained(log *slog.Logger) (*model, error) {
	labels, all, err := parseIris(irisCSV)
	if err != nil {
		return nil, err
	}
	learn, held := split(all, len(labels), splitSeed)
	m := train(labels, learn)
	n := m.right(held)
	log.Info(fmt.Sprintf("trained on %d flowers; of %d others %d are named right (%.1f %%)",
		len(learn), len(held), n, 100*float64(n)/float64(len(held))))
	return m, nil
}

// splitSeed is any number: it is the first that was tried.
const splitSeed = 1

// serve answers until ctx ends, and then what is under way.
func serve(ctx context.Context, l net.Listener, h http.Handler, failed *stdlog.Logger) error {
	srv := &http.Server{Handler: h, ErrorLog: failed, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(ending)
}
