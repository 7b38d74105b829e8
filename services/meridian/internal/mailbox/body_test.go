package mailbox_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

func kinds(m mailbox.Message) []mailbox.NoteKind {
	var kinds []mailbox.NoteKind
	for _, n := range m.Notes {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func TestBodiesAreDecoded(t *testing.T) {
	t.Parallel()
	const qp, b64 = "Content-Transfer-Encoding: quoted-printable\n", "Content-Transfer-Encoding: base64\n"
	damage, charset := []mailbox.NoteKind{mailbox.NoteDamage}, []mailbox.NoteKind{mailbox.NoteCharset}
	cases := map[string]struct {
		header, body, want string
		notes              []mailbox.NoteKind
	}{
		"nothing said, UTF-8":        {"", "café", "café", nil},
		"nothing said, not UTF-8":    {"", "caf\xe9", "café", nil},
		"latin 1 in 8 bit":           {"Content-Type: text/plain; charset=ISO-8859-1\n", "caf\xe9 \x80", "café €", nil},
		"koi8-r":                     {"Content-Type: text/plain; charset=\"koi8-r\"\n", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", nil},
		"shift_jis":                  {"Content-Type: text/plain; charset=shift_jis\n", "\x82\xb1", "こ", nil},
		"big5":                       {"Content-Type: text/plain; charset=big5\n", "\xa7\x41", "你", nil},
		"hz, which the web refuses":  {"Content-Type: text/plain; charset=hz-gb-2312\n", "~{VPND~}", "中文", nil},
		"utf-16":                     {"Content-Type: text/plain; charset=utf-16le\n" + b64, base64.StdEncoding.EncodeToString([]byte("h\x00i\x00")), "hi", nil},
		"cp437":                      {"Content-Type: text/plain; charset=cp437\n", "\x81", "ü", nil},
		"charset without a meaning":  {"Content-Type: text/plain; charset=x-klingon\n", "caf\xe9", "café", charset},
		"ascii that is not":          {"Content-Type: text/plain; charset=us-ascii\n", "caf\xe9", "café", nil},
		"utf-8 that is latin 1":      {"Content-Type: text/plain; charset=utf-8\n", "caf\xe9", "café", charset},
		"utf-8 with damage":          {"Content-Type: text/plain; charset=utf-8\n", "caf\xc3\xa9 \xff", "café \ufffd", charset},
		"quoted-printable":           {qp, "a=3Db soft=\n break=C3=A9 \n=20", "a=b soft breaké", nil},
		"quoted-printable damaged":   {qp, "100=% of =ZZ=", "100=% of =ZZ", damage},
		"quoted-printable lower":     {qp, "=c3=a9", "é", nil},
		"base64":                     {b64, "aGVs\nbG8=", "hello", nil},
		"base64 without padding":     {b64, "aGVsbG8", "hello", nil},
		"base64 with rubbish":        {b64, "aGVs*bG8=", "hello", damage},
		"base64 padded in between":   {b64, "aGVsbG8=\nIHlvdQ==", "hello you", nil},
		"base64 with a list footer":  {b64, "aGVsbG8=\n_____________\na list: the, footer!", "hello\n_____________\na list: the, footer!", damage},
		"unknown transfer encoding":  {"Content-Transfer-Encoding: x-rot13\n", "uryyb", "uryyb", damage},
		"content type of nonsense":   {"Content-Type: ;;; =\n", "hello", "hello", nil},
		"content type just text":     {"Content-Type: text\n", "hello", "hello", nil},
		"content type with dup":      {"Content-Type: text/plain; charset=utf-8; charset=utf-8\n", "é", "é", nil},
		"old Mac line ends":          {qp, "a=0Db", "a\nb", nil},
		"indentation is kept":        {"", "\n\n  indented\nnot", "  indented\nnot", nil},
		"NUL":                        {"", "a\x00b", "ab", []mailbox.NoteKind{mailbox.NoteNUL}},
		"NUL in quoted-printable":    {qp, "a=00b", "ab", []mailbox.NoteKind{mailbox.NoteNUL}},
		"flowed":                     {"Content-Type: text/plain; format=flowed\n", "one \ntwo\n\n> a \n> b\n>> c\n From x\n-- \nme", "one two\n\n> a b\n>> c\nFrom x\n-- \nme", nil},
		"flowed with DelSp":          {"Content-Type: text/plain; format=Flowed; delsp=Yes\n", "日 \n本\nend", "日本\nend", nil},
		"flowed across a quote":      {"Content-Type: text/plain; format=flowed\n", "> open \nanswer", "> open\nanswer", nil},
		"html":                       {"Content-Type: text/html\n", "<p>Hello &amp; <b>bye</b></p><p>two</p>", "Hello & bye\n\ntwo", nil},
		"multipart that is not":      {"Content-Type: multipart/mixed; boundary=x\n", "hello", "hello", damage},
		"multipart without boundary": {"Content-Type: multipart/mixed\n", "hello", "hello", damage},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := one(t, mail("1@x", c.header, c.body))
			require.Equal(t, c.want, m.Body)
			require.Equal(t, c.notes, kinds(m))
		})
	}
}

func TestLongBodiesAreCutAtARune(t *testing.T) {
	t.Parallel()
	m := one(t, mail("1@x", "Content-Type: text/plain; charset=utf-8\n", "a"+strings.Repeat("é", 40<<10)))
	require.Len(t, m.Body, mailbox.MaxBody-1)
	require.True(t, strings.HasSuffix(m.Body, "é"))
	require.Equal(t, []mailbox.NoteKind{mailbox.NoteCut}, kinds(m))
}

func TestMultipartsGiveTheirText(t *testing.T) {
	t.Parallel()
	plain, html, png := "Content-Type: text/plain\n\nplain", "Content-Type: text/html\n\n<p>html</p>", "Content-Type: image/png; name=\"a b.png\"\nContent-Transfer-Encoding: base64\n\naGVsbG8="
	join := func(kind string, parts ...string) string {
		return "Content-Type: multipart/" + kind + "; boundary=" + kind + "\n\npreamble\n--" + kind + "\n" + strings.Join(parts, "\n--"+kind+"\n") + "\n--" + kind + "--\nepilogue\n"
	}
	image := []mailbox.Part{{Name: "a b.png", MediaType: "image/png", Size: 5}}
	cases := map[string]struct {
		message, want string
		dropped       []mailbox.Part
		notes         []mailbox.NoteKind
	}{
		"alternative takes plain text":         {join("alternative", plain, html), "plain", nil, nil},
		"alternative in the wrong order":       {join("alternative", html, plain), "plain", nil, nil},
		"alternative with empty plain text":    {join("alternative", "Content-Type: text/plain\n\n \n", html), "html", nil, nil},
		"alternative with related":             {join("alternative", plain, join("related", html, png)), "plain", image, nil},
		"alternative with a calendar":          {join("alternative", plain, "Content-Type: text/calendar; name=i.ics\n\nBEGIN"), "plain", []mailbox.Part{{Name: "i.ics", MediaType: "text/calendar", Size: 5}}, nil},
		"mixed takes all text":                 {join("mixed", plain, png, html), "plain\n\nhtml", image, nil},
		"mixed of mixed":                       {join("mixed", join("alternative", plain, html), png), "plain", image, nil},
		"a part without a header":              {join("mixed", "\nbare"), "bare", nil, nil},
		"signed":                               {join("signed", plain, "Content-Type: application/pgp-signature\n\nsig"), "plain", []mailbox.Part{{MediaType: "application/pgp-signature", Size: 3}}, nil},
		"text attached":                        {join("mixed", plain, "Content-Type: text/x-diff; name=a.patch\n\n+x"), "plain\n\n`a.patch`:\n\n```\n+x\n```", nil, nil},
		"text attached inline with a name":     {join("mixed", plain, "Content-Disposition: inline; filename*=utf-8''%C3%A9.txt\n\n```"), "plain\n\n`é.txt`:\n\n````\n```\n````", nil, nil},
		"text attached that does not fit":      {join("mixed", plain, "Content-Disposition: attachment; filename=big.txt\n\n"+strings.Repeat("x", mailbox.MaxBody)), "plain", []mailbox.Part{{Name: "big.txt", MediaType: "text/plain", Size: mailbox.MaxBody}}, nil},
		"a message in the message":             {join("mixed", plain, "Content-Type: message/rfc822\n\nFrom: x@y.z\nSubject: =?utf-8?Q?=C3=A9?=\n\ninner"), "plain\n\n---------- Forwarded message ----------\nFrom: x@y.z\nSubject: é\n\ninner", nil, nil},
		"digest":                               {join("digest", "\nFrom: x@y.z\n\ninner"), "---------- Forwarded message ----------\nFrom: x@y.z\n\ninner", nil, nil},
		"not closed":                           {strings.TrimSuffix(join("mixed", plain), "\n--mixed--\nepilogue\n"), "plain", nil, []mailbox.NoteKind{mailbox.NoteDamage}},
		"name as an encoded word":              {join("mixed", plain, "Content-Type: image/png; name=\"=?utf-8?Q?=C3=A9.png?=\"\n\nx"), "plain", []mailbox.Part{{Name: "é.png", MediaType: "image/png", Size: 1}}, nil},
		"only an image":                        {png, "", image, nil},
		"quoted-printable said of a multipart": {"Content-Transfer-Encoding: quoted-printable\n" + join("mixed", plain), "plain", nil, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, body, _ := strings.Cut(c.message, "\n\n")
			m := one(t, mail("1@x", header+"\n", body))
			require.Equal(t, c.want, m.Body)
			require.Equal(t, c.dropped, m.Dropped)
			require.Equal(t, c.notes, kinds(m))
		})
	}
}

func TestNestingHasALimit(t *testing.T) {
	t.Parallel()
	var header, body strings.Builder
	for range 100 {
		body.WriteString("--x\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=x\n\n")
	}
	header.WriteString("Content-Type: multipart/mixed; boundary=x\n")
	m := one(t, mail("1@x", header.String(), body.String()))
	require.Contains(t, kinds(m), mailbox.NoteDamage)

	deep := strings.Repeat("Content-Type: message/rfc822\n\n", 50)
	m = one(t, mail("1@x", "Content-Type: message/rfc822\n", deep+"end"))
	require.Contains(t, kinds(m), mailbox.NoteDamage)
	require.NotEmpty(t, m.Dropped)
}

func TestHTMLBecomesText(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"a<br>b": "a\nb",
		"<html><head><title>no</title><style>p{}</style></head><body>yes</body></html>": "yes",
		"<head><script>x<body>shown":                                                    "",
		"<head><meta><body>shown":                                                       "shown",
		"<ul><li>one<li>two</ul>after":                                                  "- one\n- two\n\nafter",
		"<blockquote>q<blockquote>r</blockquote></blockquote>mine":                      "> q\n>\n>> r\n\nmine",
		"<a href=\"https://x.org/\">link</a> <a href='https://y.org'>https://y.org</a>": "link <https://x.org/> https://y.org",
		"<a href='mailto:a@b.c'>a@b.c</a>":                                              "a@b.c",
		"<pre>  keep\n   this</pre>":                                                    "  keep\n   this",
		"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>":               "a b\nc",
		"one\n   two &lt;three&gt; &eacute;":                                            "one two <three> é",
		"<img alt='a cat' src=x>":                                                       "a cat",
		"<p>unclosed <b>all <i>over":                                                    "unclosed all over",
		"<div>a</div><div>b</div><hr>c":                                                 "a\nb\n---\nc",
	}
	for in, want := range cases {
		require.Equal(t, want, one(t, mail("1@x", "Content-Type: text/html; charset=utf-8\n", in)).Body, "%q", in)
	}
}

func TestWildArchive(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/wild.mbox")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	messages, broken := readAll(t, file, mailbox.Options{})
	require.Len(t, broken, 2)
	require.Equal(t, 3, broken[0].Position.Index)
	require.Equal(t, "no From field", broken[0].Reason)
	require.Equal(t, 6, broken[1].Position.Index)
	subjects := make([]string, 0, len(messages))
	for _, m := range messages {
		subjects = append(subjects, m.Subject)
		require.NotContains(t, m.Body, "\x00")
	}
	require.Equal(t, []string{"Réunion de l'équipe", "Re: Réunion de l'équipe", "会議の件", "no date, no id", "Fwd: the whole thing"}, subjects)
	require.Equal(t, "jane.doe@example.org", messages[1].From.Email)
	require.Equal(t, messages[0].ID, messages[1].Parent())
	require.Equal(t, "From the start it was clear.\n>From quoted twice.", messages[1].Body)
	require.Equal(t, "会議は三時です。", messages[2].Body)
	require.Equal(t, 2019, messages[3].Date.Year())
	require.Equal(t, []mailbox.Part{{Name: "plan.pdf", MediaType: "application/pdf", Size: 8}}, messages[4].Dropped)
}
