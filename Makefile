# Two commands matter: `make start` runs a whole server with a game to play in the browser, `make test` runs every test.
# Only Node.js 20 or newer and npm are needed: `npm ci` brings the Node that runs everything else.

NODE = $(shell if [ -x node_modules/.bin/node ]; then echo node_modules/.bin/node; else echo node; fi)
GOWORLD = components/cli/goworld
INSTALLED = node_modules/.package-lock.json
NPM_QUIET = --no-audit --no-fund --loglevel=error
BOTS = 20
PORT = 4000

.DEFAULT_GOAL := help
.PHONY: help start test check types lint floors format bench clean install services \
        client-bundle dispatcher gate test_game test_client nil_game server client

help:
	@echo 'make start        run a server with examples/arena and $(BOTS) bots (BOTS=n), and say where to play it; Ctrl-C stops it'
	@echo 'make start-NAME   run a server with examples/NAME'
	@echo 'make test         run every test'
	@echo 'make services     start every database that is installed, on free ports; Ctrl-C ends them'
	@echo 'make check        types, style and the rules of the house: before every commit'
	@echo 'make format       put the style right'
	@echo 'make bench        run every benchmark, or one: make bench ONLY=name'
	@echo 'make client-bundle  write the client in one file, for browsers, to dist/'
	@echo 'make clean        remove what servers left behind: logs, databases, run folders'
	@echo 'make dispatcher gate test_game test_client nil_game'
	@echo '                  make the programs of that name ready to run'
	@echo 'make server       run examples/actor_server on port $(PORT) (PORT=n); Ctrl-C stops it'
	@echo 'make client       run one client of that server'

start: $(INSTALLED)
	@$(GOWORLD) start examples/arena --bots $(BOTS)

start-%: $(INSTALLED)
	@$(GOWORLD) start examples/$*

test: $(INSTALLED)
	$(NODE) node_modules/.bin/vitest run

services: $(INSTALLED)
	@$(NODE) test/services/services.ts

check: types lint floors

types: $(INSTALLED)
	$(NODE) node_modules/.bin/tsc -p tsconfig.json
	@# Pages know a browser's types, and no others.
	@for project in examples/*/web/tsconfig.json; do $(NODE) node_modules/.bin/tsc -p $$project || exit 1; done

lint: $(INSTALLED)
	$(NODE) node_modules/.bin/biome check --error-on-warnings .

floors: $(INSTALLED)
	$(NODE) node_modules/.bin/vitest run test/floors.test.ts test/tidy.test.ts

format: $(INSTALLED)
	$(NODE) node_modules/.bin/biome check --write .

bench: $(INSTALLED)
	@$(NODE) --disable-warning=ExperimentalWarning bench/run.ts $(ONLY)

client-bundle: $(INSTALLED)
	@$(NODE) --disable-warning=ExperimentalWarning components/web/bundle.ts

# Nothing is compiled: the sources run as they are, by the launcher beside them.
dispatcher gate: $(INSTALLED)
	@echo 'ready: components/$@/$@ -help'

test_game test_client nil_game: $(INSTALLED)
	@echo 'ready: examples/$@/$@ -help'

server client: $(INSTALLED)
	@$(NODE) --disable-warning=ExperimentalWarning examples/actor_server/$@.ts -port $(PORT)

install: $(INSTALLED)

# npm would warn that its own Node is too old for us; the one it installs is not.
$(INSTALLED): package-lock.json
	@echo 'installing the dependencies …'
	@npm ci $(NPM_QUIET)
	@touch $@

clean:
	rm -rf coverage dist .goworld goworld-journal goworld-entities
	rm -rf examples/*/.goworld examples/*/goworld-journal examples/*/goworld-entities
	rm -f *.log *.db *.db-shm *.db-wal *.cpuprofile
	rm -f examples/*/*.log examples/*/*.db examples/*/*.db-shm examples/*/*.db-wal
