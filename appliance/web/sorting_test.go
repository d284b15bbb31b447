package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"posthorn/appliance/rules"
	"posthorn/store"
)

// TestRulesPage makes, changes, orders, switches and deletes rules by their
// forms; what makes no sense is said, and nobody sees another's.
func TestRulesPage(t *testing.T) {
	s := serve(t, "")
	alice := s.person("alice", true)
	s.person("bob", false)
	var shop store.MailboxID
	err := s.store.Update(func(tx *store.Tx) error {
		mb, err := tx.CreateMailbox(alice.ID, "Shop <i>", "")
		if err == nil {
			shop = mb.ID
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser(s.tls)
	b.login("alice")
	sent := func(want int, form url.Values) string {
		t.Helper()
		form.Set("action", "save")
		resp, text := b.post("/me/rules/edit", "/me/rules/edit", form)
		if resp.StatusCode != want {
			t.Errorf("%v: %s", form, resp.Status)
		}
		return text
	}
	folder := fmt.Sprint(shop)
	sent(303, url.Values{"test": {"from.contains", "", "size.over"}, "text": {"shop", "", "1,5"}, "folder": {folder}, "flag": {"1"}, "stop": {"1"}})
	sent(303, url.Values{"test": {"subject.is", "attachment.present"}, "text": {"<b>", ""}, "any": {"1"}, "folder": {"bin"}, "read": {"1"}, "copy": {"bob@example.com"}})
	for want, form := range map[string]url.Values{
		"at least one condition":   {"folder": {folder}},
		"Fill in the text":         {"test": {"from.is"}, "text": {" "}, "folder": {folder}},
		"size in megabytes":        {"test": {"size.over"}, "text": {"huge"}, "folder": {folder}},
		"Say what the rule does":   {"test": {"from.is"}, "text": {"x"}},
		"can&#39;t be kept":        {"test": {"from.matches"}, "text": {"x"}, "folder": {folder}},
		"the address is none":      {"test": {"from.is"}, "text": {"x"}, "copy": {"bob"}},
		"too many rules or condit": {"test": {"from.is"}, "text": {strings.Repeat("x", 300)}, "folder": {folder}},
	} {
		if text := sent(422, form); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	_, text := b.get("/me/rules")
	for _, want := range []string{
		"When the sender contains “shop” and the message is larger than 1.5 MB: move it to “Shop &lt;i&gt;”, flag it. Then no further rule.",
		"When the subject is “&lt;b&gt;” or something is attached: move it to Trash, mark it as read, send a copy to bob@example.com."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "%!") {
		t.Errorf("words with a hole:\n%s", text)
	}
	press := func(id, action string) {
		t.Helper()
		if resp, _ := b.post("/me/rules", "/me/rules", url.Values{"id": {id}, "action": {action}}); resp.StatusCode != 303 {
			t.Errorf("%s %s: %s", action, id, resp.Status)
		}
	}
	order := func() (ids []int) {
		err := s.store.View(func(tx *store.Tx) error {
			ids = nil
			list, err := rules.Of(tx, alice.ID)
			for _, r := range list {
				if r.Off {
					r.ID = -r.ID
				}
				ids = append(ids, r.ID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	press("2", "up")
	press("2", "up") // it is the first
	press("1", "off")
	if got := order(); !slices.Equal(got, []int{2, -1}) {
		t.Errorf("order %v", got)
	}
	_, text = b.get("/me/rules/edit?id=1")
	for _, want := range []string{`value="from.contains" selected`, `value="1.5"`, `value="` + folder + `" selected`, `name="stop" value="1" checked`} {
		if !strings.Contains(text, want) {
			t.Errorf("form lacks %s", want)
		}
	}
	sent(303, url.Values{"id": {"1"}, "test": {"to.contains"}, "text": {"x"}, "read": {"1"}})
	press("2", "delete")
	if got := order(); !slices.Equal(got, []int{1}) {
		t.Errorf("after deleting: %v", got)
	}
	if resp, _ := b.post("/me/rules", "/me/rules/apply", url.Values{}); resp.StatusCode != 303 {
		t.Errorf("apply: %s", resp.Status)
	}
	eve := s.browser(s.tls)
	eve.login("bob")
	if resp, _ := eve.get("/me/rules/edit?id=1"); resp.StatusCode != 404 {
		t.Errorf("another's rule: %s", resp.Status)
	}
	if resp, _ := eve.do("POST", "/me/rules", url.Values{"id": {"1"}, "action": {"delete"}}); resp.StatusCode != 403 || len(order()) != 1 {
		t.Errorf("without a token: %s", resp.Status)
	}
}
