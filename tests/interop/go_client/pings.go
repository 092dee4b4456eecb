package main

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
)

// The connections that were made, and the answers to keep-alive pings that arrived on them.
type pings struct {
	mutex       sync.Mutex
	connections int
	answered    int
}

func (p *pings) seen() (connections, answered int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.connections, p.answered
}

func (p *pings) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.connections++
	return &watched{Conn: conn, pings: p}, nil
}

// A connection that watches the HTTP/2 frames that it reads.
type watched struct {
	net.Conn
	pings *pings
	// What was read of a frame that is not complete yet.
	begun []byte
}

func (w *watched) Read(into []byte) (int, error) {
	n, err := w.Conn.Read(into)
	w.begun = append(w.begun, into[:n]...)
	for {
		const head, ping, ack = 9, 6, 1
		if len(w.begun) < head {
			return n, err
		}
		length := head + int(binary.BigEndian.Uint32(w.begun)>>8)
		if len(w.begun) < length {
			return n, err
		}
		// The pings by which grpc-go measures the path carry data; those for keep-alive carry none.
		data := string(w.begun[head:length])
		if w.begun[3] == ping && w.begun[4] == ack && data == "\x00\x00\x00\x00\x00\x00\x00\x00" {
			w.pings.mutex.Lock()
			w.pings.answered++
			w.pings.mutex.Unlock()
		}
		w.begun = w.begun[length:]
	}
}
