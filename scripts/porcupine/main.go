// Reads histories of consumers, one call a line, and asks Porcupine whether they are linearizable: a second opinion, by other
// people's code, on what packages/simulation/src/checks/linearizability.ts says.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type call struct {
	Life       string `json:"life"`
	Consumer   string `json:"consumer"`
	Client     string `json:"client"`
	Input      string `json:"input"`
	Output     string `json:"output"` // empty: never heard of
	CalledAt   int64  `json:"calledAt"`
	ReturnedAt *int64 `json:"returnedAt"`
}

// A consumer's name is registered or not; what is refused changes nothing.
var consumer = porcupine.Model{
	Init: func() interface{} { return false },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		register := input.(string) == "register"
		done := state.(bool) != register
		if said := output.(string); said != "" && done != (said == "done") {
			return false, state
		}
		return true, register
	},
}

func main() {
	histories := map[string][]porcupine.Operation{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	calls := 0
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		returned := int64(math.MaxInt64)
		if c.ReturnedAt != nil {
			returned = *c.ReturnedAt
		}
		key := c.Life + " " + c.Consumer
		histories[key] = append(histories[key], porcupine.Operation{
			Input: c.Input, Output: c.Output, Call: c.CalledAt, Return: returned,
		})
		calls++
	}
	bad, unknown := 0, 0
	for key, history := range histories {
		switch porcupine.CheckOperationsTimeout(consumer, history, time.Minute) {
		case porcupine.Illegal:
			bad++
			fmt.Println("not linearizable:", key)
		case porcupine.Unknown:
			unknown++
			fmt.Println("not decided within a minute:", key)
		}
	}
	fmt.Printf("%d calls in %d histories: %d not linearizable, %d not decided\n", calls, len(histories), bad, unknown)
	if bad+unknown > 0 {
		os.Exit(1)
	}
}
