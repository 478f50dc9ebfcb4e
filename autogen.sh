#!/bin/sh
# Makes ./configure from configure.ac. Needs autoconf, automake, libtool and libltdl-dev.
set -e
cd "$(dirname "$0")"
mkdir -p etc/autotools/m4
autoreconf --install --force --warnings=all
# Our folder named core collides with autoconf's clean-up of core dumps: "rm -f core" cannot remove a folder and complains each time.
sed 's/rm -f core /rm -f /g' configure > configure.tmp
cat configure.tmp > configure
rm -f configure.tmp
