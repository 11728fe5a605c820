#!/bin/sh
# Makes the secrets of this demonstration, an agent's and an operator's token among them. `pico` has to be in PATH.
set -eu
cd "$(dirname "$0")"
sh ../secrets.sh secrets pico.localhost '*.pico.localhost'
cat secrets/pico.pem secrets/pico.key > secrets/public.pem
pico token issue --key-file secrets/agents.key --audience pico-agents --subject demo --endpoint web --expires-in 720h > secrets/agent.token
pico token issue --key-file secrets/admin.secret --audience pico-admin --subject demo --role operator --expires-in 720h > secrets/operator.token
# Containers read them as another user than the one who made them: good enough on one's own machine, for this demonstration alone.
chmod -R a+rX secrets
