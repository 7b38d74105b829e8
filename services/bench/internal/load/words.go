package load

import (
	"math"
	"math/rand/v2"
	"sort"
	"strings"
)

// Words is a vocabulary whose words are as unequally common as those of a language: the word at place n is said about
// 1/n as often as the first.
type Words struct {
	words  []string
	totals []float64 // the sums of the shares so far
}

// NewWords makes a vocabulary of n words, always the same.
func NewWords(n int) *Words {
	w := &Words{words: make([]string, n), totals: make([]float64, n)}
	var total float64
	for i := range n {
		w.words[i] = word(i)
		total += 1 / (float64(i) + 2)
		w.totals[i] = total
	}
	return w
}

// word spells a number in syllables, so that no two are the same.
func word(n int) string {
	const consonants, vowels = "bdfgklmnprstvz", "aeiou"
	const syllables = len(consonants) * len(vowels)
	var text strings.Builder
	for n += syllables; n > 0; n /= syllables {
		text.WriteByte(consonants[n%syllables/len(vowels)])
		text.WriteByte(vowels[n%len(vowels)])
	}
	return text.String()
}

// At is the word at a place of how common they are, from 0.
func (w *Words) At(place int) string { return w.words[place] }

// Text is a text of exactly this many bytes.
func (w *Words) Text(random *rand.Rand, size int) string {
	var text strings.Builder
	for text.Len() < size {
		text.WriteString(w.draw(random))
		text.WriteByte(' ')
	}
	return text.String()[:size-1] + "."
}

func (w *Words) draw(random *rand.Rand) string {
	return w.words[sort.SearchFloat64s(w.totals, random.Float64()*w.totals[len(w.totals)-1])]
}

// Share is about how many of a hundred words are the one at this place.
func (w *Words) Share(place int) float64 {
	return math.Round(1e6/(float64(place)+2)/w.totals[len(w.totals)-1]) / 1e4
}

// Bodies are texts of messages, made ahead so that making them is no part of what is measured.
type Bodies []string

// NewBodies makes n bodies of this many bytes.
func NewBodies(n, size int) Bodies {
	words, random := NewWords(8000), randomOf(0)
	bodies := make(Bodies, n)
	for i := range bodies {
		bodies[i] = words.Text(random, size)
	}
	return bodies
}

// Draw is one of them.
func (b Bodies) Draw(random *rand.Rand) string { return b[random.IntN(len(b))] }
