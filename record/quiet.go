package record

import "context"

type quietKey struct{}

// Quiet marks a context: what is logged with it is about delivery itself and
// must not come back into a spooled handler, or a failing destination would feed
// on its own errors.
func Quiet(ctx context.Context) context.Context {
	return context.WithValue(ctx, quietKey{}, true)
}

// IsQuiet reports whether ctx was marked by Quiet.
func IsQuiet(ctx context.Context) bool {
	return ctx != nil && ctx.Value(quietKey{}) != nil
}
