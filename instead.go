package girok

import (
	"fmt"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
)

// substitutes are what to use in the place of classes that only Python has, by the
// beginning of their name; the first that fits counts.
var substitutes = []struct{ class, use string }{
	{"rich.logging.RichHandler", "use class: console, with a formatter of class: console"},
	{"rich.", "use class: console, with a formatter of class: console"},
	{"colorlog.StreamHandler", "use class: console"},
	{"colorlog.", "use a formatter of class: console, which has colours when it is a terminal"},
	{"coloredlogs.", "use a formatter of class: console, which has colours when it is a terminal"},
	{"loguru.", "use class: console, with a formatter of class: console"},
	{"structlog.", "use a formatter of class: json or console"},
	{"uvicorn.logging.", "use uvicorn.logging.DefaultFormatter or uvicorn.logging.AccessFormatter, which are here"},
	{"json_log_formatter.", "use a formatter of class: json"},
	{"logmatic.", "use a formatter of class: json"},
	{"jsonlogging.", "use a formatter of class: json"},
	{"pythonjsonlogger.", "use pythonjsonlogger.jsonlogger.JsonFormatter"},
	{"logfmter.", "use a formatter of class: logfmt"},
	{"ecs_logging.", "use a formatter of class: ecs"},
	{"google.cloud.logging", "use class: console on ext://sys.stdout, with a formatter of class: gcp: Google's agent reads it"},
	{"google.cloud.logging_v2", "use class: console on ext://sys.stdout, with a formatter of class: gcp: Google's agent reads it"},
	{"watchtower.", "use class: console with a formatter of class: json: the agent of CloudWatch reads it"},
	{"concurrent_log_handler.", "use class: file with spooled: true and rotate, which several processes may share"},
	{"cloghandler.", "use class: file with spooled: true and rotate, which several processes may share"},
	{"django.utils.log.AdminEmailHandler", "use logging.handlers.SMTPHandler"},
	{"django.utils.log.RequireDebug", "leave it out, and have a configuration for each place"},
	{"django.utils.log.ServerFormatter", "use a formatter of class: console"},
	{"asgi_correlation_id.", "leave it out, and log the id as an attribute"},
	{"sentry_sdk.", "leave it out: what Sentry takes is the business of its own library"},
	{"celery.", "use logging.Formatter"},
	{"logging_loki.", "use class: console with a formatter of class: logfmt: the agent of Loki reads it"},
	{"logstash", "use class: file with a formatter of class: json: the agents of Logstash read it"},
	{"pygelf.", "use class: file with a formatter of class: json: an agent reads it"},
	{"graypy.", "use class: file with a formatter of class: json: an agent reads it"},
	{"fluent.", "use class: file with a formatter of class: json: Fluent Bit reads it"},
	{"systemd.journal.", "use class: console: systemd keeps what a service writes there"},
	{"cysystemd.", "use class: console: systemd keeps what a service writes there"},
	{"flask.logging.", "use class: console"},
	{"gunicorn.", "use class: console"},
	{"multiprocessing_logging.", "leave it out: processes that share a spool, or append to one file, lose nothing"},
	{"raven.", "leave it out: what Sentry takes is the business of its own library"},
	{"elasticapm.", "use a formatter of class: ecs"},
	{"aws_lambda_powertools.", "use a formatter of class: json: CloudWatch reads it"},
	{"ddtrace.", "use class: console with a formatter of class: json: the agent of Datadog reads it"},
	{"splunk_handler.", "use class: console with a formatter of class: json: an agent reads it"},
	{"opencensus.", "use a spooled handler, or class: console with a formatter of class: json: a collector reads it"},
	{"opentelemetry.", "use a spooled handler, or class: console with a formatter of class: json: a collector reads it"},
}

// insteadOf says what to use in the place of a class that can't be had; "" if
// nobody knows.
func insteadOf(class string) string {
	class = strings.TrimPrefix(class, "ext://")
	for _, s := range substitutes {
		if strings.HasPrefix(class, s.class) {
			return s.use
		}
	}
	return ""
}

// passable reports whether unknown classes are no mistakes, and keeps the problem
// as something to be told if so.
func (b *blueprint) passable(n *config.Node, class, becomes string) bool {
	if b.keys.UnknownClasses != "warn" || !strings.Contains(class, ".") {
		return false
	}
	b.stoodIn.AddHint(n.Pos(), n.Path(), insteadOf(class), "%q can't be had here; as unknown_classes is warn, %s", class, becomes)
	return true
}

// standIn makes a handler of a class that can't be had the console. Its own keys
// mean nothing.
func (b *blueprint) standIn(h *handlerPlan, formatters map[string]format.Formatter, ps *config.Problems) {
	var d directKeys
	var all config.Problems
	config.Decode(h.node, &all, &d)
	*ps = append(*ps, slices.DeleteFunc(all, func(p config.Problem) bool { return strings.HasPrefix(p.Msg, "unknown key") })...)
	h.class, h.out = "console", &consoleKeys{Stream: defaultStream, Mode: "blocking"}
	b.direct(h, &d, formatters, ps)
}

// tellStoodIn tells of classes that something else stands for.
func (b *blueprint) tellStoodIn(report report) {
	for _, p := range b.stoodIn {
		args := []any{"at", fmt.Sprintf("%s: %s", p.Pos, p.Path)}
		if p.Hint != "" {
			args = append(args, "instead", p.Hint)
		}
		report(p.Msg, args...)
	}
}
