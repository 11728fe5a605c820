{{/* What would only be noticed at night: each line ends the rendering and says what to set. */}}
{{- define "pico.checks" -}}
{{- $config := include "pico.config" . | fromYaml -}}
{{- $front := list -}}
{{- if .Values.ingress.enabled }}{{ $front = append $front "ingress.enabled" }}{{ end -}}
{{- if .Values.gateway.enabled }}{{ $front = append $front "gateway.enabled" }}{{ end -}}
{{- if eq .Values.service.type "LoadBalancer" }}{{ $front = append $front "service.type=LoadBalancer" }}{{ end -}}
{{- if and $front (not (get $config.proxy "trusted-proxies")) (not (get $config.proxy "proxy-protocol")) -}}
{{- fail (printf "proxy.trustedProxies: required with %s. Set it to the ranges of the load balancer's addresses; without it all clients are one to every limit, and X-Forwarded-For says nothing (or proxy.proxyProtocol: true, where the load balancer sends that)" (join ", " $front)) -}}
{{- end -}}
{{- range $port := list "proxy" "upstream" "admin" -}}
{{- $auth := default dict (get (default dict (get $config $port)) "auth") -}}
{{- $tls := default dict (get (default dict (get $config $port)) "tls") -}}
{{- if and (eq $port "upstream") (not $.Values.upstream.port) }}{{ $tls = default dict $config.proxy.tls }}{{ end -}}
{{- if not (or (get $auth "allow-anonymous") (get $auth "public-key-file") (get $auth "hmac-secret-file") (get $auth "jwks") (get $auth "issuers") (get $tls "client-ca")) -}}
{{- fail (printf "%s.auth: the %s port is open to other pods and asks for nothing. Set %s.auth.publicKeySecret.name, hmacSecret.name or jwks, or %s.auth.allowAnonymous: true if that is meant" $port $port $port $port) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.upstream.port) .Values.upstream.tls.secret (ne .Values.upstream.tls.secret .Values.proxy.tls.secret) -}}
{{- fail "upstream.tls.secret: listeners register on the proxy port, whose certificate it is. Leave it out, or set upstream.port" -}}
{{- end -}}
{{- if .Values.cluster.enabled -}}
{{- $_ := required "cluster.secret.name: a Secret with what all nodes share, of at least 32 bytes: kubectl create secret generic pico-cluster --from-file=secret=cluster.secret" .Values.cluster.secret.name -}}
{{- $_ := required "cluster.tls.secret: a Secret with tls.crt, tls.key and ca.crt for links between nodes, or set cluster.tls.certManager.enabled" (include "pico.clusterTLSSecret" .) -}}
{{- if and .Values.cluster.tls.certManager.enabled (not .Values.cluster.tls.certManager.issuer.name) -}}
{{- fail "cluster.tls.certManager.issuer.name: the issuer that signs the certificate of links" -}}
{{- end -}}
{{- if and (not .Values.etcd.enabled) (not .Values.externalEtcd.endpoints) -}}
{{- fail "externalEtcd.endpoints: required with etcd.enabled: false" -}}
{{- end -}}
{{- if and .Values.externalEtcd.username (not .Values.externalEtcd.passwordSecret.name) -}}
{{- fail "externalEtcd.passwordSecret.name: required with externalEtcd.username" -}}
{{- end -}}
{{- else -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: has to be 1 without cluster.enabled, and autoscaling off: nodes that do not know each other answer 502 for each other's listeners" -}}
{{- end -}}
{{- if .Values.etcd.enabled -}}
{{- fail "etcd.enabled: has no use without cluster.enabled" -}}
{{- end -}}
{{- end -}}
{{- $time := int (include "pico.timeToEnd" .) -}}
{{- $given := int .Values.terminationGracePeriodSeconds -}}
{{- if and $given (le $given $time) -}}
{{- fail (printf "terminationGracePeriodSeconds: %d would cut requests; drain.preStopSeconds, delaySeconds and graceSeconds take %d, so it has to be more" $given $time) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}{{ fail "ingress.hosts: required with ingress.enabled" }}{{ end -}}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) }}{{ fail "gateway.parentRefs: required with gateway.enabled" }}{{ end -}}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.cpu) (not .Values.autoscaling.listeners) }}{{ fail "autoscaling: set cpu or listeners" }}{{ end -}}
{{- end -}}
