package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"
)

// faults are what goes wrong while the logs of one container are read. Nothing does where there is no such file.
type faults struct {
	// Removed lets the runtime know nothing of the container any more.
	Removed bool `json:"removed"`
	// CutAfterBytes cuts the connection after so many bytes of log; 0 never does.
	CutAfterBytes int `json:"cutAfterBytes"`
	// BytesPerSecond slows the log down; 0 does not.
	BytesPerSecond int `json:"bytesPerSecond"`
}

func readFaults(path string) (*faults, error) {
	found := &faults{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	return found, json.Unmarshal(text, found)
}

// around gives both streams with these faults, and as they are where there are none: wrapping would cost speed.
func (f *faults) around(ctx context.Context, stdout, stderr io.Writer) (io.Writer, io.Writer) {
	if f.CutAfterBytes == 0 && f.BytesPerSecond == 0 {
		return stdout, stderr
	}
	sent := new(int)
	wrap := func(stream io.Writer) io.Writer {
		if stream == nil { // The client does not want this one.
			return nil
		}
		return &faultyWriter{f, ctx, stream, sent}
	}
	return wrap(stdout), wrap(stderr)
}

type faultyWriter struct {
	faults *faults
	ctx    context.Context
	to     io.Writer
	sent   *int
}

func (w *faultyWriter) Write(line []byte) (int, error) {
	if limit := w.faults.CutAfterBytes; limit > 0 && *w.sent+len(line) > limit {
		if _, err := w.to.Write(line[:limit-*w.sent]); err != nil {
			return 0, err
		}
		panic(http.ErrAbortHandler)
	}
	*w.sent += len(line)
	if rate := w.faults.BytesPerSecond; rate > 0 {
		select {
		case <-time.After(time.Duration(len(line)) * time.Second / time.Duration(rate)):
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		}
	}
	return w.to.Write(line)
}
