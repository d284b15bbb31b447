package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"posthorn/hw/softpanel"
)

// Forms a picture of the screen is had in.
const (
	AsText   = "text"   // braille for dots, a box of characters for an LCD
	AsBlocks = "blocks" // half-blocks: twice as large as braille
	AsPNG    = "png"
)

// maxPicture bounds what is read as a picture.
const maxPicture = 1 << 20

// screenRoute serves the picture of the screen.
func (b *Box) screenRoute(mux *http.ServeMux) {
	mux.HandleFunc("GET /screen", func(w http.ResponseWriter, r *http.Request) {
		picture, err := b.picture(r.FormValue("as"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(picture)
	})
}

func (b *Box) picture(as string) ([]byte, error) {
	if b.Screen == nil {
		return nil, errors.New("no box is running here, so there is no screen; start one with posthorn serve")
	}
	g := b.Screen()
	switch as {
	case AsText:
		return []byte(g.String()), nil
	case AsBlocks:
		return []byte(blocks(g)), nil
	case AsPNG:
		var png bytes.Buffer
		err := g.PNG(&png)
		return png.Bytes(), err
	}
	return nil, fmt.Errorf("%w: a screen is had as %s, %s or %s, not %q", ErrUsage, AsText, AsBlocks, AsPNG, as)
}

// blocks draws dots as half-blocks; characters stay what they are.
func blocks(g softpanel.Glass) string {
	if text := g.HalfBlocks(); text != "" {
		return text
	}
	return g.Box()
}

// Screen returns what the display of a running box shows, or would show if
// there were one, in one of the forms above.
func (c *Client) Screen(ctx context.Context, as string) ([]byte, error) {
	resp, err := c.do(ctx, "GET", "/screen?as="+as, "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	picture, err := io.ReadAll(io.LimitReader(resp.Body, maxPicture))
	if err != nil {
		return nil, fmt.Errorf("read the picture of the screen: %w", err)
	}
	return picture, nil
}
