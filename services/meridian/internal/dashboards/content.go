package main

import (
	"fmt"
	"strings"
)

// Grafana's units.
const (
	seconds = "s"
	each    = "short"
	rate    = "cps"
	bytes   = "bytes"
)

// services are those with a dashboard of their own, with the packages of their RPCs.
func services() []string {
	return []string{"directory", "availability", "threads", "tasks", "notifications", "gateway"}
}

func all() []dashboard {
	boards := []dashboard{spine(), time(), notifications(), integrators()}
	for _, name := range services() {
		boards = append(boards, service(name))
	}
	return boards
}

// of completes a query: every {} and every { that opens a selector gets the namespace.
func of(query string) string {
	const where = `namespace=~"$namespace"`
	return strings.NewReplacer("{}", "{"+where+"}", "{", "{"+where+",").Replace(query)
}

func one(title, about, unit, query, legend string) panel {
	return panel{title: title, about: about, unit: unit, lines: []line{{of(query), legend}}}
}

// from is the panel with the value from which an alarm sounds.
func (p panel) from(alarm float64) panel {
	p.alarm = alarm
	return p
}

// percentiles are the median, the 95th and the 99th of a histogram, of the series that where leaves.
func percentiles(title, about, metric, selector, where string) panel {
	p := panel{title: title, about: about, unit: seconds}
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		p.lines = append(p.lines, line{
			of(fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s_bucket%s[5m])%s))", q, metric, selector, where)), "p" + (q[2:] + "0")[:2],
		})
	}
	return p
}

func spine() dashboard {
	return dashboard{"spine", "Spine", "From a write to its effects: what commits, what leaves the outbox, what consumers take.", []row{
		{"Outbox", []panel{
			one("Published", "Events that the broker has acknowledged.", rate, `sum by (service) (rate(meridian_outbox_published_total{}[5m]))`, "{{service}}"),
			one("Oldest that waits", "How long the oldest event has been committed and not published.", seconds, `max by (service) (meridian_outbox_oldest_seconds{})`, "{{service}}").from(30),
			one("Rows", "Events committed and not yet deleted after their publication.", each, `max by (service) (meridian_outbox_rows{})`, "{{service}}"),
			one("Leaders", "Replicas that relay: one a service.", each, `sum by (service) (meridian_outbox_leading{})`, "{{service}}"),
			one("Events a batch", "The mean.", each, `sum by (service) (rate(meridian_outbox_batch_rows_sum{}[5m])) / sum by (service) (rate(meridian_outbox_batch_rows_count{}[5m]))`, "{{service}}"),
			one("Failed publications", "What the broker did not take; it is tried again.", rate, `sum by (service) (rate(meridian_outbox_failed_total{}[5m]))`, "{{service}}"),
		}},
		{"Consumers", []panel{
			one("Handled", "Events by their outcome.", rate, `sum by (consumer, result) (rate(meridian_consumer_events_total{}[5m]))`, "{{consumer}} {{result}}"),
			one("Behind", "Events that wait for a consumer.", each, `max by (consumer) (meridian_consumer_lag{})`, "{{consumer}}").from(1000),
			one("Given up", "Events in the dead letters.", each, `max by (consumer) (meridian_consumer_dead_letters{})`, "{{consumer}}").from(1),
			one("Held", "Events that wait here behind one of the same aggregate.", each, `max by (consumer) (meridian_consumer_held{})`, "{{consumer}}"),
			one("Delivered again", "Events that the broker delivered more than once and waits for.", each, `max by (consumer) (meridian_consumer_redelivered{})`, "{{consumer}}"),
			one("Outages", "How often a consumer lost its broker or database.", rate, `sum by (consumer) (rate(meridian_consumer_outages_total{}[5m]))`, "{{consumer}}"),
		}},
		{"Calls and connections", []panel{
			one("Refused", "Calls refused for overload.", rate, `sum by (service) (rate(meridian_calls_refused_total{}[5m]))`, "{{service}}").from(1),
			one("Waited for connections", "Seconds that work waited for a connection to Postgres, a second.", seconds, `sum by (service, role) (rate(meridian_pool_waited_seconds_total{}[5m]))`, "{{service}} {{role}}").from(1),
			one("Not ready", "Checks of /readyz that fail.", each, `sum by (service, check) (1 - meridian_ready{})`, "{{service}} {{check}}").from(1),
		}},
	}}
}

func time() dashboard {
	return dashboard{"time-driven-work", "Time-driven work", "What becomes due: deadlines, reminders, expiries, shifts, digests, deliveries.", []row{
		{"Due", []panel{
			one("Late", "How long the oldest due row has been due.", seconds, `max by (service, worker) (meridian_due_late_seconds{})`, "{{service}} {{worker}}").from(60),
			one("Done", "Rows that were done.", rate, `sum by (service, worker) (rate(meridian_due_done_total{result="ok"}[5m]))`, "{{service}} {{worker}}"),
			one("Failed", "Rows whose work failed; it is tried again.", rate, `sum by (service, worker) (rate(meridian_due_done_total{result="failed"}[5m]))`, "{{service}} {{worker}}"),
			one("Held", "Rows that a worker has leased.", each, `max by (service, worker) (meridian_due_held{})`, "{{service}} {{worker}}"),
		}},
		{"Answers about time", []panel{
			one("Asked", "Calls of the availability service by method.", rate, `sum by (rpc_method) (rate(rpc_server_call_duration_seconds_count{rpc_method=~"meridian.availability.*"}[5m]))`, "{{rpc_method}}"),
			percentiles("How long they take", "Calls of the availability service.", "rpc_server_call_duration_seconds", `{rpc_method=~"meridian.availability.*"}`, ""),
			one("What changed", "Events that the services' consumers took, of which those of working time recompute what was due.", rate, `sum by (consumer) (rate(meridian_consumer_events_total{}[5m]))`, "{{consumer}}"),
		}},
	}}
}

func notifications() dashboard {
	return dashboard{"delivery", "Delivery", "From an event to what reaches a person.", []row{
		{"Deciding and sending", []panel{
			one("Sent", "What was handed to a channel that leaves the house, by its outcome.", rate, `sum by (channel, result) (rate(meridian_deliveries_total{}[5m]))`, "{{channel}} {{result}}"),
			one("Not taken", "What a channel refused or could not take, of all it was handed.", "percentunit", `sum by (channel) (rate(meridian_deliveries_total{result!="sent"}[15m])) / sum by (channel) (rate(meridian_deliveries_total{}[15m]))`, "{{channel}}"),
			one("Late", "How long the oldest decision, delivery, reminder or digest has been due.", seconds, `max by (worker) (meridian_due_late_seconds{service="notifications"})`, "{{worker}}").from(60),
			one("Done", "Decisions, deliveries, reminders and digests.", rate, `sum by (worker) (rate(meridian_due_done_total{service="notifications",result="ok"}[5m]))`, "{{worker}}"),
			one("Failed", "What is tried again.", rate, `sum by (worker) (rate(meridian_due_done_total{service="notifications",result="failed"}[5m]))`, "{{worker}}"),
		}},
		{"From events", []panel{
			one("Taken", "Events by their outcome.", rate, `sum by (consumer, result) (rate(meridian_consumer_events_total{consumer=~"notifications.*"}[5m]))`, "{{consumer}} {{result}}"),
			one("Behind", "Events that wait.", each, `max by (consumer) (meridian_consumer_lag{consumer=~"notifications.*"})`, "{{consumer}}").from(1000),
			one("Given up", "Events in the dead letters.", each, `max by (consumer) (meridian_consumer_dead_letters{service="notifications"})`, "{{consumer}}").from(1),
		}},
	}}
}

func integrators() dashboard {
	return dashboard{"integrators", "Integrators", "What the gateway and the broker give to programs outside.", []row{
		{"HTTP", []panel{
			one("Requests", "By their status.", rate, `sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{}[5m]))`, "{{http_response_status_code}}"),
			percentiles("How long they take", "All but live streams end with their answer.", "http_server_request_duration_seconds", `{}`, ""),
			one("Bytes out", "Of answers' bodies.", bytes, `sum (rate(http_server_response_body_size_bytes_sum{}[5m]))`, "answers"),
		}},
		{"Live events", []panel{
			one("Streams", "Open streams, over HTTP and gRPC.", each, `sum by (service) (meridian_streams{})`, "{{service}}"),
			one("Events to follow", "Events published a second, of which each follower gets what it may see.", rate, `sum (rate(meridian_outbox_published_total{}[5m]))`, "events"),
			one("Admissions to the broker", "Events that the directory's edge took: revocations and subscriptions.", rate, `sum by (result) (rate(meridian_consumer_events_total{consumer="directory-edge"}[5m]))`, "{{result}}"),
		}},
		{"gRPC", []panel{
			one("Calls behind the gateway", "By service.", rate, `sum by (rpc_response_status_code) (rate(rpc_server_call_duration_seconds_count{}[5m]))`, "{{rpc_response_status_code}}"),
			one("Refused", "For overload, by the service behind the gateway.", rate, `sum by (service, backend) (rate(meridian_calls_refused_total{service="gateway"}[5m]))`, "{{service}} {{backend}}").from(1),
			one("In work", "At the gateway.", each, `sum by (backend) (meridian_calls_in_work{service="gateway"})`, "{{backend}}"),
		}},
	}}
}

// service is the dashboard of one service: the same for each, so that whoever knows one knows all.
func service(name string) dashboard {
	mine := fmt.Sprintf(`{service=%q}`, name)
	methods, where := fmt.Sprintf(`{rpc_method=~"meridian.%s.*"}`, name), ""
	if name == "gateway" { // what passes through it keeps the method it is for
		methods, where = "{}", ` and on (instance) meridian_ready`+mine
	}
	calls := []panel{
		one("Calls", "By method.", rate, `sum by (rpc_method) (rate(rpc_server_call_duration_seconds_count`+methods+`[5m])`+where+`)`, "{{rpc_method}}"),
		percentiles("How long they take", "All methods.", "rpc_server_call_duration_seconds", methods, where),
		one("Outcomes", "By status.", rate, `sum by (rpc_response_status_code) (rate(rpc_server_call_duration_seconds_count`+methods+`[5m])`+where+`)`, "{{rpc_response_status_code}}"),
		one("In work", "Calls being worked on.", each, `sum by (service) (meridian_calls_in_work`+mine+`)`, "in work"),
		one("Queued", "Calls that wait to be.", each, `sum by (service) (meridian_calls_queued`+mine+`)`, "queued"),
		one("Refused", "For overload.", rate, `sum by (reason) (rate(meridian_calls_refused_total`+mine+`[5m]))`, "{{reason}}").from(1),
	}
	board := dashboard{"service-" + name, strings.ToUpper(name[:1]) + name[1:], "The " + name + " service.", []row{{"Calls", calls}}}
	if name != "gateway" {
		board.rows = append(board.rows, row{"Database and events", stored(name)})
	}
	board.rows = append(board.rows, row{"Processes", []panel{
		one("Not ready", "Checks of /readyz that fail.", each, `sum by (check) (1 - meridian_ready`+mine+`)`, "{{check}}").from(1),
		one("Memory", "Resident, of each process that shows this service.", bytes, `process_resident_memory_bytes{} and on (instance) meridian_ready`+mine, "{{instance}}"),
		one("CPU", "Seconds a second.", seconds, `rate(process_cpu_seconds_total{}[5m]) and on (instance) meridian_ready`+mine, "{{instance}}"),
	}})
	return board
}

// stored are the panels of a service with a database.
func stored(name string) []panel {
	mine, consumers := fmt.Sprintf(`{service=%q}`, name), fmt.Sprintf(`{consumer=~"%s.*"}`, name)
	panels := []panel{
		one("Connections", "By role and state.", each, `sum by (role, state) (meridian_pool_connections`+mine+`)`, "{{role}} {{state}}"),
		one("Waited for connections", "Seconds waited, a second.", seconds, `sum by (role) (rate(meridian_pool_waited_seconds_total`+mine+`[5m]))`, "{{role}}").from(1),
		one("Oldest event that waits", "Committed and not published.", seconds, `max by (service) (meridian_outbox_oldest_seconds`+mine+`)`, "oldest").from(30),
		one("Published", "Events.", rate, `sum by (service) (rate(meridian_outbox_published_total`+mine+`[5m]))`, "events"),
		one("Consumers behind", "Events that wait.", each, `max by (consumer) (meridian_consumer_lag`+consumers+`)`, "{{consumer}}").from(1000),
	}
	if name != "directory" { // nothing of it becomes due for a member
		panels = append(panels, one("Due work late", "The oldest.", seconds, `max by (worker) (meridian_due_late_seconds`+mine+`)`, "{{worker}}").from(60))
	}
	return panels
}
