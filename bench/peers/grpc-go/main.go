// A delayed-answer server and its client, as grpc-go's own examples would write them, to be measured
// next to longsync's.
//
// `grpc-go server` listens on a free port of loopback and prints the address.
// `grpc-go client ADDRESS CALLS DELAY_NS CONNECTIONS IN_FLIGHT` makes CALLS calls, IN_FLIGHT at a
// time, and prints the result as JSON.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "grpc-go:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "server":
		return serve()
	case len(args) == 6 && args[0] == "client":
		var numbers [4]int64
		for index := range numbers {
			number, err := strconv.ParseInt(args[index+2], 10, 64)
			if err != nil {
				return err
			}
			numbers[index] = number
		}
		return call(work{args[1], numbers[0], numbers[1], int(numbers[2]), numbers[3]})
	}
	return errors.New("usage: server | client ADDRESS CALLS DELAY_NS CONNECTIONS IN_FLIGHT")
}
