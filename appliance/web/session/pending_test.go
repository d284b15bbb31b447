package session

import (
	"errors"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"posthorn/store"
)

// Codes that are tried at the same time are no more than those tried in turn.
func TestCodesAtOnce(t *testing.T) {
	v := visiting(t)
	if err := v.m.ChangeFactors(v.account.ID, func(f *Factors) error { f.TOTP = NewTOTP(); return nil }); err != nil {
		t.Fatal(err)
	}
	var looked atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if errors.Is(v.m.TryCode(v.account.ID, "not it"), ErrNoFactor) {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if n := looked.Load(); n > freeFactors+1 {
		t.Errorf("%d codes were looked at", n)
	}
}

// Who typed a password that is changed meanwhile does not get in with it.
func TestPasswordChangedWhileWaiting(t *testing.T) {
	v := visiting(t)
	for _, changed := range []bool{false, true} {
		w := httptest.NewRecorder()
		v.m.Await(w, v.request(), v.account, "/mail")
		r := v.request()
		r.AddCookie(w.Result().Cookies()[0])
		p := v.m.Awaited(r)
		if p == nil {
			t.Fatal("nothing is awaited")
		}
		if changed {
			err := v.m.Store.Update(func(tx *store.Tx) error {
				a, err := tx.Account(v.account.ID)
				if err != nil {
					return err
				}
				a.Password = "another hash"
				return tx.PutAccount(a)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := v.m.Arrive(httptest.NewRecorder(), r, p); errors.Is(err, ErrForged) != changed || !changed && err != nil {
			t.Errorf("password changed %v: %v", changed, err)
		}
	}
}
