package login

import (
	"container/list"
	"sync"
)

// memory is a bounded map that forgets what was used least recently. A
// hostile network can fill it and so push others out; nothing kept in one
// may therefore be more than a convenience. The zero value with a limit is
// ready.
type memory[K comparable, V any] struct {
	limit int // most entries

	mu    sync.Mutex
	order list.List // of memoryEntry, most recently used first
	byKey map[K]*list.Element
}

type memoryEntry[K comparable, V any] struct {
	key   K
	value V
}

// get returns the value kept for key and marks it used.
func (m *memory[K, V]) get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byKey[key]
	if !ok {
		var zero V
		return zero, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*memoryEntry[K, V]).value, true
}

// put keeps value for key, and drops the least recently used entry when
// there are more than limit.
func (m *memory[K, V]) put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.byKey[key]; ok {
		e.Value.(*memoryEntry[K, V]).value = value
		m.order.MoveToFront(e)
		return
	}
	if m.byKey == nil {
		m.byKey = make(map[K]*list.Element)
	}
	m.byKey[key] = m.order.PushFront(&memoryEntry[K, V]{key, value})
	if m.order.Len() > m.limit {
		last := m.order.Back()
		m.order.Remove(last)
		delete(m.byKey, last.Value.(*memoryEntry[K, V]).key)
	}
}

// drop forgets every entry whose key matches.
func (m *memory[K, V]) drop(match func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.byKey {
		if match(key) {
			m.order.Remove(e)
			delete(m.byKey, key)
		}
	}
}

// len returns the number of entries.
func (m *memory[K, V]) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.order.Len()
}
