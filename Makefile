# One line a target; what each does stands in scripts/.
.PHONY: build run test check gen bench chaos fuzz images test-kubernetes local-cluster clean

build: ## builds every binary into bin/
	scripts/build
run: build ## starts everything in one process and says what to try next
	bin/meridian up
test: ## installs what is missing and runs all tests under the race detector
	scripts/test
check: ## lint, generated code, protos, formatting, modules
	scripts/check
gen: ## regenerates all generated files
	scripts/gen
bench: ## measures the spine against its limits in the same run
	scripts/bench
chaos: ## kills, pauses and cuts off real processes at random, and audits what was promised
	scripts/chaos
fuzz: ## fuzzes every fuzz test, each for a minute
	scripts/fuzz
images: ## builds the container images
	scripts/images
test-kubernetes: ## applies the Helm chart to a real kube-apiserver, built from its module
	scripts/test-kubernetes
local-cluster: ## runs what the chart renders as processes of this machine
	scripts/local-cluster
clean: ## removes what the targets above made
	rm -rf bin scripts/tools/bin
