package backup

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// trust has Postgres' own programs trust the CAs that this one does, by SSL_CERT_FILE and SSL_CERT_DIR: libpq reads neither of them,
// and one file only. It writes that into a folder, as the rest may be read-only, and returns the variables to run a program with. done
// takes the file away again. Where the URL or libpq's variable names a file, or the server's certificate is not asked for, nothing is
// done.
func trust(target *url.URL, folder string) (env []string, done func(), err error) {
	query, nothing := target.Query(), func() {}
	named := cmp.Or(query.Get("sslrootcert"), os.Getenv("PGSSLROOTCERT"))
	if named != "" || !strings.HasPrefix(cmp.Or(query.Get("sslmode"), os.Getenv("PGSSLMODE")), "verify-") {
		return nil, nothing, nil
	}
	found := trusted()
	if len(found) == 0 {
		return nil, nothing, nil
	}
	file, err := os.CreateTemp(folder, "trusted-*.crt")
	if err != nil {
		return nil, nothing, err
	}
	done = func() { _ = os.Remove(file.Name()) }
	_, err = file.Write(found)
	if err := errors.Join(err, file.Close()); err != nil {
		done()
		return nil, nothing, err
	}
	return []string{"PGSSLROOTCERT=" + file.Name()}, done, nil
}

// trusted are the certificates that crypto/x509 reads by its variables, each once. What cannot be read is left out there too.
func trusted() []byte {
	files := []string{os.Getenv("SSL_CERT_FILE")}
	for _, folder := range filepath.SplitList(os.Getenv("SSL_CERT_DIR")) {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	var all bytes.Buffer
	seen := map[string]bool{}
	for _, file := range files {
		content, _ := os.ReadFile(file) //nolint:gosec // the operator says which
		for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == "CERTIFICATE" && !seen[string(block.Bytes)] {
				seen[string(block.Bytes)] = true
				_ = pem.Encode(&all, block) // into memory
			}
		}
	}
	return all.Bytes()
}
