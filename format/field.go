package format

import (
	"bytes"
	"strings"

	"github.com/girok/girok/record"
)

// field is what a name in a format stands for.
type field uint8

// The attributes of Python's log records, and fieldAttr for all other names.
const (
	fieldNone field = iota
	fieldAttr
	fieldName
	fieldMessage
	fieldLevelName
	fieldLevelNo
	fieldAscTime
	fieldCreated
	fieldMsecs
	fieldRelative
	fieldPathName
	fieldFileName
	fieldModule
	fieldLineNo
	fieldFuncName
	fieldProcess
	fieldProcessName
	fieldThread
	fieldThreadName
	fieldTaskName
	fieldExcInfo
	fieldExcText
	fieldStackInfo
	fieldArgs
)

var fields = map[string]field{
	"name": fieldName, "message": fieldMessage, "msg": fieldMessage, "args": fieldArgs,
	"levelname": fieldLevelName, "levelno": fieldLevelNo,
	"asctime": fieldAscTime, "created": fieldCreated, "msecs": fieldMsecs, "relativeCreated": fieldRelative,
	"pathname": fieldPathName, "filename": fieldFileName, "module": fieldModule,
	"lineno": fieldLineNo, "funcName": fieldFuncName,
	"process": fieldProcess, "processName": fieldProcessName,
	"thread": fieldThread, "threadName": fieldThreadName, "taskName": fieldTaskName,
	"exc_info": fieldExcInfo, "exc_text": fieldExcText, "stack_info": fieldStackInfo,
}

// given is where a record may say itself what slog has no word for: in a group that
// is called like Python's class.
var given = [...]string{
	fieldProcess: "LogRecord.process", fieldProcessName: "LogRecord.processName",
	fieldThread: "LogRecord.thread", fieldThreadName: "LogRecord.threadName", fieldTaskName: "LogRecord.taskName",
}

// fieldOf finds what name stands for, and the attribute's key if it is one.
func fieldOf(name string) (f field, key string) {
	if f, ok := fields[name]; ok {
		return f, ""
	}
	if key, ok := strings.CutPrefix(name, "extra."); ok && fields[key] != fieldNone {
		return fieldAttr, key
	}
	return fieldAttr, name
}

func (f field) needsCaller() bool { return f >= fieldPathName && f <= fieldFuncName }

// ofCall reports whether a log call says all of the field without its attributes.
func (f field) ofCall() bool {
	return f == fieldNone || f >= fieldName && f <= fieldRelative || f == fieldArgs
}

// load reads the value of p's field; false when the record has none.
func (t *Text) load(x *operand, p *piece, v *record.View) bool {
	switch p.field {
	case fieldAttr:
		if t.uvicorn != nil && t.uvicorn.field(x, p.key, v) {
			return true
		}
		return x.attr(v, p.key) || t.defaults != nil && x.attr(t.defaults, p.key)
	case fieldName:
		x.setText(v.Logger)
		if len(v.Logger) == 0 {
			x.setString("root")
		}
	case fieldMessage:
		if t.uvicorn == nil || !t.uvicorn.colorMessage(x, v) {
			x.setText(v.Message)
		}
	case fieldLevelName:
		x.setString(levelName(v.Level))
	case fieldLevelNo:
		x.setInt(int64(v.Level))
	case fieldAscTime:
		x.kind, x.clock, x.view = isTime, t, v
	case fieldCreated:
		x.setFloat(createdFloat(v))
	case fieldMsecs:
		_, ms := created(v)
		x.setFloat(float64(ms))
	case fieldRelative:
		// With the rounding of CPython up to 3.12, which subtracts two floats.
		x.setFloat((createdFloat(v) - float64(t.start.UnixNano())/1e9) * 1000)
	case fieldProcess, fieldProcessName, fieldThread, fieldThreadName, fieldTaskName:
		if !x.attr(v, given[p.field]) {
			t.process(x, p.field)
		}
	case fieldExcInfo, fieldExcText, fieldStackInfo:
		x.trouble(v, p.field)
	case fieldArgs:
		if _, queued := v.Shown().(Queued); !queued { // else None
			x.kind = isArgs
		}
	default:
		return x.caller(v, p.field)
	}
	return true
}

// process loads what a record does not say of its process and thread.
func (t *Text) process(x *operand, f field) {
	switch f {
	case fieldProcess:
		x.setInt(int64(t.pid))
	case fieldProcessName:
		x.setString("MainProcess")
	case fieldThread:
		x.setInt(0)
	case fieldThreadName:
		x.setString("MainThread")
	default:
		x.kind = isNone
	}
}

var unknownCaller = caller{file: []byte("(unknown file)"), function: []byte("(unknown function)")}

// caller loads one of the fields that tell where the call stands. As in Python,
// a record that does not know has "(unknown file)", line 0.
func (x *operand) caller(v *record.View, f field) bool {
	c, ok := callerOf(v)
	if !ok {
		c = unknownCaller
	}
	switch f {
	case fieldPathName:
		x.setText(c.file)
	case fieldFileName:
		x.setText(base(c.file))
	case fieldModule:
		x.setText(module(base(c.file)))
	case fieldLineNo:
		x.setInt(int64(c.line))
	case fieldFuncName:
		x.setText(bareName(c.function))
	}
	return true
}

func base(path []byte) []byte { return path[bytes.LastIndexByte(path, '/')+1:] }

// module is a file's name without its last extension; ".hidden" has none.
func module(file []byte) []byte {
	dot := bytes.LastIndexByte(file, '.')
	if len(bytes.TrimLeft(file[:max(dot, 0)], ".")) == 0 {
		return file
	}
	return file[:dot]
}

// bareName is the last part of a function's name: Place of
// shop/orders.(*Orders).Place, main.func1 of main.main.func1.
func bareName(function []byte) []byte {
	name := base(function)
	if i := bytes.IndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	if len(name) > 0 && name[0] == '(' {
		if i := bytes.Index(name, []byte(").")); i >= 0 {
			name = name[i+2:]
		}
	}
	return name
}

// attr loads the last attribute with this key.
func (x *operand) attr(v *record.View, key string) bool {
	if !find(v.Attrs(), key, &x.value) {
		return false
	}
	x.fromValue()
	return true
}

// find looks for a key, or for a path of keys through groups: "a.b" is the
// attribute "a.b", or b in the group a, whichever comes last.
func find(a record.Attrs, key string, val *record.Value) (found bool) {
	var k []byte
	var x record.Value
	for a.Next(&k, &x) {
		switch {
		case string(k) == key:
			*val, found = x, true
		case x.Type == record.Group && len(k) < len(key) && key[len(k)] == '.' && string(k) == key[:len(k)]:
			found = find(x.Attrs(), key[len(k)+1:], val) || found
		}
	}
	return found
}

// levelNames are the names of the levels that programs use, made once.
var levelNames = func() (t [101]string) {
	for i := range t {
		t[i] = record.Level(i).String()
	}
	return t
}()

func levelName(l record.Level) string {
	if name, ok := record.AddedName(l); ok {
		return name
	}
	if l >= 0 && int(l) < len(levelNames) {
		return levelNames[l]
	}
	return l.String()
}
