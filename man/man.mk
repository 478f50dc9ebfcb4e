# man
dist_man_MANS += man/couplet.8 man/coupletctl.8 man/couplet.yml.5
