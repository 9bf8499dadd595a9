module github.com/girok/girok

go 1.26.0

require (
	github.com/klauspost/compress v1.18.3
	go.yaml.in/yaml/v4 v4.0.0
	golang.org/x/sys v0.50.0
	golang.org/x/text v0.42.0
)
