package pydiff

import "fmt"

// network adds a handler that writes to a server, of those that the case then needs.
// What stands for a port in its keys is replaced before the configuration is read.
func (d *drawer) network(c *Case, handlers, formatters, filters *node) {
	class := d.sends
	if class == "" || len(c.Services) > 0 {
		return
	}
	h := newMap()
	if class == "logging.handlers.SysLogHandler" || class == "logging.handlers.SMTPHandler" {
		h.set("class", d.text(class)) // a factory of CPython's gets a list where it wants a tuple
	} else {
		d.class(h, class)
	}
	d.common(h, formatters, filters)
	switch class {
	case "logging.handlers.HTTPHandler":
		c.Services = []string{"http"}
		d.http(h)
	case "logging.handlers.SysLogHandler":
		d.syslog(c, h)
	case "logging.handlers.SMTPHandler":
		c.Services = []string{"smtp"}
		d.smtp(h)
	case "logging.handlers.SocketHandler":
		c.Services = []string{"pickle_tcp"}
		d.set(h, "SocketHandler.host", d.text("127.0.0.1"))
		d.set(h, "SocketHandler.port", scalar("@TCP_PORT@"))
	default:
		c.Services = []string{"pickle_udp"}
		d.set(h, "DatagramHandler.host", d.text("127.0.0.1"))
		d.set(h, "DatagramHandler.port", scalar("@UDP_PORT@"))
	}
	handlers.set(fmt.Sprintf("n%d", d.r.IntN(2)), h)
}

// set sets a key and counts it; what is before its dot is the class.
func (d *drawer) set(h *node, key string, v *node) {
	d.count(key)
	for i := range key {
		if key[i] == '.' {
			h.set(key[i+1:], v)
			return
		}
	}
}

// networkClass draws the class of a case's handler that writes to a network; most
// have none.
func (d *drawer) networkClass(c *Case) {
	if c.Misfits || !d.chance(36) {
		return
	}
	const http, syslog, smtp = "logging.handlers.HTTPHandler", "logging.handlers.SysLogHandler", "logging.handlers.SMTPHandler" // by how many ways there are with each
	d.sends = d.one("class", http, http, http, syslog, syslog, syslog, syslog, syslog, smtp, smtp, "logging.handlers.SocketHandler", "logging.handlers.DatagramHandler")
	// These send the record as the handlers before them have left it.
	d.plain = d.sends != "logging.handlers.SysLogHandler" && d.sends != "logging.handlers.SMTPHandler"
}

func (d *drawer) http(h *node) {
	d.set(h, "HTTPHandler.host", d.text("127.0.0.1:@HTTP_PORT@"))
	d.set(h, "HTTPHandler.url", d.text(d.one("url", "/log", "/log?a=1", "/", "/log?")))
	if d.has(95, "HTTPHandler.method") {
		h.set("method", d.text(d.one("method", "GET", "POST", "post", "get")))
	}
	if d.has(60, "HTTPHandler.secure") {
		h.set("secure", d.truth(false))
	}
	if d.has(60, "HTTPHandler.credentials") {
		h.set("credentials", scalar("null"))
	}
	if d.has(60, "HTTPHandler.context") {
		h.set("context", scalar("null"))
	}
}

func (d *drawer) syslog(c *Case, h *node) {
	service := d.one("service", "syslog_udp", "syslog_tcp", "syslog_unix_datagram", "syslog_unix_stream")
	c.Services = []string{service}
	stream := service == "syslog_tcp" || service == "syslog_unix_stream"
	address := d.text("@SYSLOG_SOCKET@")
	switch service {
	case "syslog_udp":
		address = newList(d.text("127.0.0.1"), scalar("@SYSLOG_UDP_PORT@"))
	case "syslog_tcp":
		address = newList(d.text("127.0.0.1"), scalar("@SYSLOG_TCP_PORT@"))
	}
	d.set(h, "SysLogHandler.address", address)
	if d.has(95, "SysLogHandler.facility") {
		h.set("facility", scalar(d.one("facility", "local0", "user", "daemon", "23", "0x3", "kern", "authpriv", "ext://logging.handlers.SysLogHandler.LOG_LOCAL7")))
	}
	switch {
	case service == "syslog_tcp", stream && d.chance(50): // with a socket of Unix it tries both
		d.set(h, "SysLogHandler.socktype", scalar(d.one("socktype", "ext://socket.SOCK_STREAM", "1")))
	case stream:
	case d.chance(75):
		d.set(h, "SysLogHandler.socktype", scalar(d.one("socktype", "ext://socket.SOCK_DGRAM", "2", "~")))
	}
	if d.has(65, "SysLogHandler..") {
		dot := newMap()
		dot.set("ident", d.text(d.one("ident", "app: ", "", "앱 ")))
		if d.chance(50) {
			dot.set("append_nul", d.truth(d.chance(50)))
		}
		h.set(".", dot)
	}
}

func (d *drawer) smtp(h *node) {
	d.set(h, "SMTPHandler.mailhost", newList(d.text("127.0.0.1"), scalar("@SMTP_PORT@")))
	d.set(h, "SMTPHandler.fromaddr", d.text("app@example.com"))
	to := d.text("ops@example.com")
	if d.chance(50) {
		to = newList(to, d.text("dev@example.com"))
	}
	d.set(h, "SMTPHandler.toaddrs", to)
	d.set(h, "SMTPHandler.subject", d.text(d.one("subject", "shop is in trouble", "한글 제목", "")))
	if d.has(95, "SMTPHandler.timeout") {
		h.set("timeout", scalar(d.one("timeout", "1.0", "5", "~")))
	}
	if d.has(65, "SMTPHandler.credentials") {
		h.set("credentials", scalar("null"))
	}
	if d.has(65, "SMTPHandler.secure") {
		h.set("secure", scalar("null"))
	}
}
