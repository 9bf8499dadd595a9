// Package killtest kills a program that logs, again and again, at random moments
// and in each window of the road, and counts what was lost and what was doubled.
//
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -store duckdb -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -store file -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -store files -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -store postgres -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -store bigquery -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 1000 -store bigquery-load -v
//	go test -tags girok_crash ./killtest -run TestKill -kills 30 -store bigquery-emulator -v
//
// With PostgreSQL the server is killed too now and then, and connections break at
// a COMMIT: before it, during it, and after it. BigQuery's server crashes, its answers
// are lost, and its load jobs fail.
//
// TestMany has four processes share one destination, and takes away who delivers. The
// program girok, which the test builds, comes and goes among them:
//
//	go test -tags girok_crash ./killtest -run TestMany -turns 500 -store duckdb -v -timeout 2h
//
// Without the tag the windows are not compiled in, and all kills are random.
package killtest
