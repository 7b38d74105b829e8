package mailbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

func TestSubjectsAreDecoded(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"plain":                             "plain",
		"Essai =?iso-8859-1?Q?accentu=E9?=": "Essai accentué",
		"=?UTF-8?B?w6k=?= =?UTF-8?B?w6g=?=": "éè",
		"=?UTF-8?B?w6k=?=\n =?UTF-8?Q?_=C3?=\n =?utf-8?Q?=A8?=": "é è", // a character cut in two
		"=?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=":            "こんにちは",
		"=?windows-1251?B?z/Do4uXy?=":                           "Привет",
		"=?gb2312?B?xOO6ww==?=":                                 "你好",
		"=?utf-8*en?Q?a_b?=":                                    "a b",
		"=?utf-8?Q?with space inside?=":                         "with space inside",
		"a=?utf-8?Q?b?=c":                                       "abc",
		"=?x-none?Q?caf=E9?=":                                   "café",
		"=?utf-8?X?what?=":                                      "=?utf-8?X?what?=",
		"folded\n\tonto  two":                                   "folded onto two",
		"raw caf\xe9":                                           "raw café",
		"raw café":                                              "raw café",
		"nul\x00s":                                              "nuls",
		"=?utf-8?Q?nul=00s?=":                                   "nuls",
		"":                                                      "",
	}
	for in, want := range cases {
		require.Equal(t, want, one(t, mail("1@x", "Subject: "+in+"\n", "")).Subject, "%q", in)
	}
}

func TestSendersAreFound(t *testing.T) {
	t.Parallel()
	cases := map[string]mailbox.Address{
		`"Carl Worth" <cworth@cworth.org>`:         {Name: "Carl Worth", Email: "cworth@cworth.org"},
		`Carl Worth <CWorth@CWorth.ORG>`:           {Name: "Carl Worth", Email: "cworth@cworth.org"},
		`cworth@cworth.org (Carl Worth)`:           {Name: "Carl Worth", Email: "cworth@cworth.org"},
		`cworth at cworth.org (Carl Worth)`:        {Name: "Carl Worth", Email: "cworth@cworth.org"},
		`Carl Worth <cworth at cworth.org>`:        {Name: "Carl Worth", Email: "cworth@cworth.org"},
		`cworth (at) cworth (dot) org`:             {Email: "cworth@cworth.org"},
		`cworth [at] cworth [dot] org`:             {Email: "cworth@cworth.org"},
		`cworth AT cworth DOT org`:                 {Email: "cworth@cworth.org"},
		`cworth@cworth.org`:                        {Email: "cworth@cworth.org"},
		`<cworth@cworth.org>`:                      {Email: "cworth@cworth.org"},
		`"cworth@cworth.org" <cworth@cworth.org>`:  {Email: "cworth@cworth.org"},
		`"=?ISO-8859-1?Q?Fran=E7ois_B?=" <f@b.fr>`: {Name: "François B", Email: "f@b.fr"},
		`=?utf-8?Q?Doe=2C_Jane?= <j@d.org>`:        {Name: "Doe, Jane", Email: "j@d.org"},
		`Doe, Jane <j@d.org>`:                      {Name: "Doe, Jane", Email: "j@d.org"},
		`j@d.org, Other <o@d.org>`:                 {Email: "j@d.org"},
		`Jane <j@d.org>, Other <o@d.org>`:          {Name: "Jane", Email: "j@d.org"},
		`"Smith \"Jo\" <x>" <j@d.org>`:             {Name: `Smith "Jo" <x>`, Email: "j@d.org"},
		`Jane <j@d.org`:                            {Name: "Jane", Email: "j@d.org"},
		`Jane <<j@d.org>>`:                         {Name: "Jane", Email: "j@d.org"},
		`Jane <mailto:j@d.org>`:                    {Name: "Jane", Email: "j@d.org"},
		`Jane j@d.org`:                             {Email: "j@d.org"},
		`Jane <j@bücher.example>`:                  {Name: "Jane", Email: "j@xn--bcher-kva.example"},
		`caf` + "\xe9" + ` <c@d.org>`:              {Name: "café", Email: "c@d.org"},
		`root@localhost`:                           {Email: "root@localhost"},
		`List: Jane <j@d.org>;`:                    {Name: "List: Jane", Email: "j@d.org"},
	}
	for in, want := range cases {
		text := from1 + "From: " + in + "\nDate: Tue, 17 Nov 2009 21:28:37 +0600\n\n"
		require.Equal(t, want, one(t, text).From, "%q", in)
	}
}

func TestParentIsTheFirstOfInReplyToElseTheLastOfReferences(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"In-Reply-To: <p@x>\n":                          "p@x",
		"In-Reply-To: <p@x> <q@x>\nReferences: <r@x>\n": "p@x",
		"In-Reply-To: <p@x> (Lars\n\tKellogg-Stedman's message of \"Tue, 17 Nov 2009\")\n": "p@x",
		"In-Reply-To: Message from Jo (<jo@x.org>) of Tue <p@x>\n":                         "p@x",
		"In-Reply-To: <p@x> (a comment that never ends <q@x>\n":                            "p@x",
		"In-Reply-To: (unbalanced <p@x>\n":                                                 "p@x",
		"In-Reply-To: <p\n @x>\n":                                                          "p@x",
		"In-Reply-To: p@x\n":                                                               "p@x",
		"In-Reply-To: your mail of yesterday\nReferences: <a@x>\n <b@x>\n":                 "b@x",
		"References: <a@x><b@x>\n":                                                         "b@x",
		"References: <a@x> <b@x>, <1@x>\n":                                                 "", // itself
		"In-Reply-To: <1@x>\n":                                                             "",
		"":                                                                                 "",
	}
	for in, want := range cases {
		require.Equal(t, want, one(t, mail("1@x", in, "")).Parent(), "%q", in)
	}
}

func TestMissingIDIsDerivedAndStable(t *testing.T) {
	t.Parallel()
	text := from1 + "From: a@b.c\nDate: Tue, 17 Nov 2009 21:28:37 +0600\nSubject: x\n\nbody\n\n"
	messages, broken := readAll(t, strings.NewReader(text+"From b@b.c Wed Nov 18 15:28:37 2009\n"+text[len(from1):]+strings.Replace(text, "body", "other", 1)), mailbox.Options{})
	require.Empty(t, broken)
	require.Len(t, messages, 3)
	require.Equal(t, messages[0].ID, messages[1].ID)
	require.NotEqual(t, messages[0].ID, messages[2].ID)
	require.Regexp(t, `^sha256-[0-9a-f]{64}@no-id\.invalid$`, messages[0].ID)
	require.Equal(t, mailbox.NoteID, messages[0].Notes[0].Kind)

	long := one(t, mail(strings.Repeat("i", 900)+"@x", "", ""))
	require.LessOrEqual(t, len(long.ID), mailbox.MaxID)
	require.Equal(t, "odd id", one(t, from1+"From: a@b.c\nDate: Tue, 17 Nov 2009 21:28:37 +0600\nMessage-ID: odd\xc2\xa0id\n\n").ID[:3]+" id")
}

func TestDatesInTheirManyForms(t *testing.T) {
	t.Parallel()
	want := time.Date(2009, time.November, 17, 21, 28, 37, 0, time.FixedZone("", 6*3600))
	cases := map[string]time.Time{
		"Tue, 17 Nov 2009 21:28:37 +0600":                 want,
		"Fri, 17 Nov 2009 21:28:37 +0600":                 want, // a wrong weekday
		"17 Nov 2009 21:28:37 +0600":                      want,
		"Tue, 17 Nov 2009 21:28:37 +0600 (Omsk Time)":     want,
		"Tue 17 Nov 09 21:28:37 +0600":                    want,
		"Tue, 17 Nov 109 21:28:37 +0600":                  want,
		"Tue, 17 November 2009 21:28:37 +06:00":           want,
		"Tue,  17 Nov 2009\n 21:28:37 +0600":              want,
		"Tue Nov 17 21:28:37 2009 +0600":                  want,
		"2009-11-17T21:28:37+06:00":                       want,
		"2009-11-17 21:28:37.123 +0600":                   want,
		"Tue, 17 Nov 2009 21:28:37 GMT+0600":              want,
		"Tue, 17-Nov-2009 15:28:37 GMT":                   want.UTC(),
		"Tue, 17 Nov 2009 15:28:37":                       want.UTC(),
		"Tue, 17 Nov 2009 15.28.37 UT":                    want.UTC(),
		"Tue, 17 Nov 2009 15:28:37 -0000":                 want.UTC(),
		"Tue, 17 Nov 2009 07:28:37 PST":                   want.In(time.FixedZone("", -8*3600)),
		"Tue, 17 Nov 2009 16:28:37 \"CET\"":               want.In(time.FixedZone("", 3600)),
		"Tue Nov 17 15:28:37 2009":                        want.UTC(),
		"Tue, 17 Nov 2009 15:28:37 Nowhere Standard Time": want.UTC(),
	}
	for in, want := range cases {
		m := one(t, strings.Replace(mail("1@x", "", ""), "Tue, 17 Nov 2009 21:28:37 +0600", in, 1))
		require.Empty(t, m.Notes, "%q", in)
		require.True(t, want.Equal(m.Date), "%q: %s", in, m.Date)
		_, wantOffset := want.Zone()
		_, offset := m.Date.Zone()
		require.Equal(t, wantOffset, offset, "%q", in)
	}
}

func TestOddDatesGiveWayToTheEnvelope(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "yesterday", "Tue, 31 Feb 2009 10:00:00 +0000", "Mon, 01 Jan 1900 00:00:00 +0000", "Thu, 01 Jan 1970 00:00:00 +0000",
		"Tue, 17 Nov 2099 21:28:37 +0600", "Tue, 17 Nov 2020 21:28:37 +0600", "Tue, 17 Nov 2009 25:28:37 +0600", "Tue, 17 Nov 2009 21:28:37 +9900",
		"Tue, 17 Foo 2009 21:28:37 +0600", "99999999999999999999",
	} {
		m := one(t, strings.Replace(mail("1@x", "", ""), "Tue, 17 Nov 2009 21:28:37 +0600", in, 1))
		require.True(t, m.Date.Equal(time.Date(2009, time.November, 17, 15, 28, 37, 0, time.UTC)), "%q: %s", in, m.Date)
		require.Len(t, m.Notes, 1, "%q", in)
		require.Equal(t, mailbox.NoteDate, m.Notes[0].Kind)
	}
	m := one(t, from1+"From: a@b.c\n\n")
	require.Equal(t, "Date is missing: the From_ line's stands in for it, Tue, 17 Nov 2009 15:28:37 +0000", m.Notes[0].Detail)
}

func TestWithoutAnyDateTheHopsAndTheNeighbourSpeak(t *testing.T) {
	t.Parallel()
	epoch := "From x@y.z Thu Jan  1 00:00:00 1970\nFrom: a@b.c\nMessage-ID: <9@x>\n"
	m := one(t, epoch+"Received: from a by b; Wed, 18 Nov 2009 01:27:47 -0800\n\n")
	require.Equal(t, "2009-11-18T01:27:47-08:00", m.Date.Format(time.RFC3339))

	messages, broken := readAll(t, strings.NewReader(mail("1@x", "", "")+epoch+"\n"), mailbox.Options{})
	require.Empty(t, broken)
	require.True(t, messages[0].Date.Equal(messages[1].Date))

	messages, broken = readAll(t, strings.NewReader(epoch+"\n"), mailbox.Options{})
	require.Empty(t, messages)
	require.Contains(t, broken[0].Reason, "no usable date")
}
