package bqfake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// serveREST answers what of the REST API a table needs:
// https://cloud.google.com/bigquery/docs/reference/rest
func (s *Server) serveREST(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/bigquery/v2/")
	var code int
	var out any
	switch {
	case strings.HasPrefix(path, "/upload/"):
		code, out = s.upload(w, r)
	case strings.HasSuffix(path, "/insertAll"):
		code, out = s.insertAll(strings.TrimSuffix(path, "/insertAll"), r.Body)
	default:
		var in map[string]any
		_ = json.NewDecoder(r.Body).Decode(&in)
		s.mu.Lock()
		code, out = s.rest1(r.Method, path, r.Header.Get("If-Match"), in)
		s.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	if text, ok := out.(string); ok {
		reason := map[int]string{400: "invalid", 404: "notFound", 409: "duplicate", 412: "conditionNotMet"}[code]
		out = map[string]any{"error": map[string]any{"code": code, "message": text, "errors": []any{map[string]any{"reason": reason, "message": text}}}}
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(out)
}

func (s *Server) rest1(method, path, etag string, in map[string]any) (int, any) {
	parts := strings.Split(path, "/")
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	set := strings.Join(parts[:min(len(parts), 4)], "/")
	switch {
	case at(2) == "jobs":
		return s.look(path)
	case at(2) == "queries":
		return s.query(at(1), fmt.Sprint(in["query"]), in)
	case len(parts) == 3 && method == http.MethodPost: // datasets.insert
		ref, _ := in["datasetReference"].(map[string]any)
		name := path + "/" + fmt.Sprint(ref["datasetId"])
		if s.sets[name] {
			return 409, "Already Exists: Dataset " + name
		}
		s.sets[name] = true
		return 200, in
	case len(parts) == 4: // datasets.get
		if !s.sets[set] {
			return 404, "Not found: Dataset " + set
		}
		return 200, map[string]any{"id": set}
	case len(parts) == 5 && method == http.MethodPost: // tables.insert
		if !s.sets[set] {
			return 404, "Not found: Dataset " + set
		}
		ref, _ := in["tableReference"].(map[string]any)
		name := path + "/" + fmt.Sprint(ref["tableId"])
		if s.tables[name] != nil {
			return 409, "Already Exists: Table " + name
		}
		s.tables[name] = &Table{Resource: in}
		return 200, in
	case len(parts) == 6 || len(parts) == 7:
		return s.restTable(method, strings.Join(parts[:6], "/"), at(6), etag, in)
	}
	return 404, "Not found: " + path
}

func (s *Server) restTable(method, name, about, etag string, in map[string]any) (int, any) {
	t := s.tables[name]
	if t == nil {
		return 404, "Not found: Table " + name
	}
	switch {
	case about == "data":
		return 200, map[string]any{"rows": t.list()}
	case method == http.MethodDelete:
		delete(s.tables, name)
		return 200, map[string]any{}
	case method == http.MethodPatch:
		if etag != "" && etag != fmt.Sprint(t.etag) {
			return 412, "Precondition Failed"
		}
		t.etag++
		for k, v := range in {
			t.Resource[k] = v
		}
	}
	t.Resource["etag"] = fmt.Sprint(t.etag)
	return 200, t.Resource
}

// list is the rows as tabledata.list has them.
func (t *Table) list() []any {
	rows, cols := []any{}, t.columns()
	for _, r := range t.Rows {
		var f []any
		for _, c := range cols {
			v := r[c.name]
			if days, ok := v.(int64); ok && c.typ == "DATE" {
				v = time.Unix(days*86400, 0).UTC().Format(time.DateOnly)
			}
			f = append(f, map[string]any{"v": v})
		}
		rows = append(rows, map[string]any{"f": f})
	}
	return rows
}

var countById = regexp.MustCompile("^SELECT COUNT\\(\\*\\) FROM `([^`.]+)\\.([^`.]+)\\.([^`.]+)` WHERE `([^`]+)` IN UNNEST\\(@ids\\)$")

// query knows one: how many rows have one of some ids.
func (s *Server) query(project, sql string, in map[string]any) (int, any) {
	m := countById.FindStringSubmatch(sql)
	if m == nil {
		return 400, "this fake has no SQL: " + sql
	}
	t := s.tables["projects/"+m[1]+"/datasets/"+m[2]+"/tables/"+m[3]]
	if t == nil {
		return 404, "Not found: Table " + m[3]
	}
	params, _ := json.Marshal(in["queryParameters"])
	var list []struct {
		Value struct {
			Values []struct {
				Value string `json:"value"`
			} `json:"arrayValues"`
		} `json:"parameterValue"`
	}
	if json.Unmarshal(params, &list) != nil || len(list) != 1 {
		return 400, "want one parameter"
	}
	ids := map[any]bool{}
	for _, v := range list[0].Value.Values {
		ids[v.Value] = true
	}
	n := 0
	for _, r := range t.Rows {
		if ids[r[m[4]]] {
			n++
		}
	}
	return 200, map[string]any{"jobComplete": true, "rows": []any{map[string]any{"f": []any{map[string]any{"v": fmt.Sprint(n)}}}}}
}
