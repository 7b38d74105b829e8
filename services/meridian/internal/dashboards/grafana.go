package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// dashboard is one file.
type dashboard struct {
	// file is its name in the folder, without the end, and part of its identity: links to it hold while it stays.
	file, title, about string
	rows               []row
}

type row struct {
	title  string
	panels []panel
}

// panel is a chart over time.
type panel struct {
	title, about string
	unit         string
	lines        []line
	// alarm draws the value from which an alarm of docs/runbooks would sound; 0 for none.
	alarm float64
}

// line is a query with its legend, both Prometheus's.
type line struct{ query, legend string }

const (
	columns, wide, high = 24, 8, 8
	// schema is the version of Grafana's dashboard model that is written, which Grafana brings up to its own.
	schema = 39
)

// object is one of JSON.
type object = map[string]any

// encode writes the dashboard as Grafana takes it. It chooses the data source, namespace and replica by variables.
func (d dashboard) encode() ([]byte, error) {
	var panels []object
	id, y := 0, 0
	for _, r := range d.rows {
		id++
		panels = append(panels, object{
			"id": id, "type": "row", "title": r.title, "collapsed": false, "panels": []object{},
			"gridPos": object{"x": 0, "y": y, "w": columns, "h": 1},
		})
		y++
		for i, p := range r.panels {
			id++
			panels = append(panels, p.encode(id, (i*wide)%columns, y+i*wide/columns*high))
		}
		y += (len(r.panels)*wide + columns - 1) / columns * high
	}
	uid := sha256.Sum256([]byte("meridian/" + d.file))
	text, err := json.MarshalIndent(object{
		"uid": hex.EncodeToString(uid[:8]), "title": "Meridian / " + d.title, "description": d.about, "tags": []string{"meridian"},
		"schemaVersion": schema, "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
		"time":       object{"from": "now-6h", "to": "now"},
		"templating": object{"list": variables()},
		"links":      []object{{"type": "dashboards", "title": "Meridian", "tags": []string{"meridian"}, "asDropdown": true, "keepTime": true, "includeVars": true}},
		"panels":     panels,
	}, "", "  ")
	return append(text, '\n'), err
}

func variables() []object {
	return []object{
		{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
		{
			"name": "namespace", "label": "Namespace", "type": "query", "datasource": dataSource(), "refresh": 2, "includeAll": true,
			"multi": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"},
			"query": object{"query": "label_values(meridian_ready, namespace)", "refId": "namespaces"},
		},
	}
}

func dataSource() object { return object{"type": "prometheus", "uid": "$source"} }

func (p panel) encode(id, x, y int) object {
	targets := make([]object, len(p.lines))
	for i, l := range p.lines {
		targets[i] = object{
			"refId": string(rune('A' + i)), "datasource": dataSource(), "expr": l.query, "legendFormat": l.legend, "range": true,
		}
	}
	steps := []object{{"color": "green", "value": nil}}
	style := object{"mode": "off"}
	if p.alarm != 0 {
		steps = append(steps, object{"color": "red", "value": p.alarm})
		style = object{"mode": "dashed"}
	}
	return object{
		"id": id, "type": "timeseries", "title": p.title, "description": p.about, "datasource": dataSource(), "targets": targets,
		"gridPos": object{"x": x, "y": y, "w": wide, "h": high},
		"fieldConfig": object{"defaults": object{
			"unit": p.unit, "min": 0, "thresholds": object{"mode": "absolute", "steps": steps},
			"custom": object{"drawStyle": "line", "fillOpacity": 5, "thresholdsStyle": style},
		}, "overrides": []object{}},
		"options": object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		},
	}
}
