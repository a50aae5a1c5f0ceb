// SPDX-License-Identifier: GPL-2.0-only
// Fetches a page and never closes its body.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	for i := 0; i < 3; i++ {
		response, err := http.Get("http://127.0.0.1:8080/")
		if err != nil {
			panic(err)
		}
		if os.Args[1] == "fix" {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	fmt.Println("used")
	io.Copy(io.Discard, os.Stdin)
}
