// The Go side of the comparison: the same work as in workloads.ts, with Go's own context package.
package context_test

import (
	"context"
	"testing"
)

// Keys of pointer type compare as fast as Go's keys can.
type key struct{ name string }

var (
	context_ context.Context
	value    any
)

func BenchmarkDerive(b *testing.B) {
	parent, stop := context.WithCancel(context.Background())
	defer stop()
	for i := 0; i < b.N; i++ {
		ctx, cancel := context.WithCancel(parent)
		context_ = ctx
		cancel()
	}
}

func BenchmarkTree(b *testing.B) {
	for i := 0; i < b.N; i++ {
		root, cancel := context.WithCancel(context.Background())
		nodes := []context.Context{root}
		for born := 1; born < 1000; born++ {
			// The cancel of each node is dropped on purpose: the root ends them all.
			node, _ := context.WithCancel(nodes[(born-1)/10])
			nodes = append(nodes, node)
		}
		cancel()
		if nodes[999].Err() == nil {
			b.Fatal("the leaf is still alive")
		}
	}
}

func lookup(b *testing.B, depth int) {
	outermost := &key{"outermost"}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx = context.WithValue(ctx, outermost, 1)
	for i := 1; i < depth; i++ {
		ctx = context.WithValue(ctx, &key{"inner"}, 1)
	}
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		value = ctx.Value(outermost)
	}
	if value != 1 {
		b.Fatal("the value was not found")
	}
}

func BenchmarkValue10(b *testing.B)  { lookup(b, 10) }
func BenchmarkValue100(b *testing.B) { lookup(b, 100) }
