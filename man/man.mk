# man
dist_man_MANS += man/couplet.8 man/coupletctl.8 man/couplet.yml.5 man/couplet-modules.5 man/couplet-module.7 man/couplet-module-test.1
# Made from the public headers by tests/lint/pages.py --update.
dist_man_MANS += man/couplet-events.7 man/couplet-api.3
# The way through the core, for readers of the source.
EXTRA_DIST += core/README.md
