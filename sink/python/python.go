// Package python has the handlers of Python's logging that write to a network, for
// programs that read a config.yaml that names them:
//
//	logs, err := girok.Open("config.yaml", python.Kinds)
//
// They are apart because most programs need none of them, and would carry TLS for
// nothing.
package python

import (
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/http"
	"github.com/girok/girok/sink/smtp"
	"github.com/girok/girok/sink/socket"
	"github.com/girok/girok/sink/syslog"
)

// Kinds are all of them, as one option of girok.Open.
var Kinds = sink.Directs{syslog.Kind, http.Kind, smtp.Kind, socket.Kind, socket.Datagram}
