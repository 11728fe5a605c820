{{/* One port's `tls` and `auth`, from files that the pod mounts. Called with {port, values}. */}}
{{- define "pico.port" -}}
{{- $files := printf "/etc/pico/%s" .port -}}
{{- with .values.tls }}
{{- if .secret }}
tls:
  cert: {{ $files }}/tls/tls.crt
  key: {{ $files }}/tls/tls.key
  {{- if .clientCA }}
  client-ca: {{ $files }}/tls/ca.crt
  {{- end }}
{{- end }}
{{- end }}
{{- with .values.auth }}
auth:
  {{- if .allowAnonymous }}
  allow-anonymous: true
  {{- end }}
  {{- if .publicKeySecret.name }}
  public-key-file: [{{ $files }}/public-key/{{ .publicKeySecret.key }}]
  {{- end }}
  {{- if .hmacSecret.name }}
  hmac-secret-file: [{{ $files }}/hmac/{{ .hmacSecret.key }}]
  {{- end }}
  {{- with .jwks }}
  jwks: {{ . | quote }}
  {{- end }}
  {{- with .audience }}
  audience: {{ toJson . }}
  {{- end }}
  {{- with .issuer }}
  issuer: {{ toJson . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "pico.cluster" -}}
etcd:
  {{- if .Values.etcd.enabled }}
  {{- $etcd := printf "%s-etcd" .Release.Name }}
  {{- range until (int .Values.etcd.replicas) }}
  - {{ if $.Values.etcd.tls.secret }}https{{ else }}http{{ end }}://{{ $etcd }}-{{ . }}.{{ $etcd }}.{{ $.Release.Namespace }}.svc:2379
  {{- end }}
  {{- else }}
  {{- range .Values.externalEtcd.endpoints }}
  - {{ . | quote }}
  {{- end }}
  {{- end }}
{{- if and .Values.etcd.enabled .Values.etcd.tls.secret }}
etcd-ca: /etc/pico/etcd/client/ca.crt
etcd-cert: /etc/pico/etcd/client/tls.crt
etcd-key: /etc/pico/etcd/client/tls.key
{{- else if not .Values.etcd.enabled }}
{{- with .Values.externalEtcd }}
prefix: {{ .prefix }}
{{- if .caSecret }}
etcd-ca: /etc/pico/etcd/ca/ca.crt
{{- end }}
{{- if .clientSecret }}
etcd-cert: /etc/pico/etcd/client/tls.crt
etcd-key: /etc/pico/etcd/client/tls.key
{{- end }}
{{- if .username }}
username: {{ .username | quote }}
password-file: /etc/pico/etcd/password/{{ .passwordSecret.key }}
{{- end }}
{{- end }}
{{- end }}
name: {{ default (printf "%s/%s" .Release.Namespace (include "pico.fullname" .)) .Values.cluster.name | quote }}
listen: ":{{ .Values.cluster.port }}"
secret-file: /etc/pico/cluster/secret/{{ .Values.cluster.secret.key }}
tls:
  cert: /etc/pico/cluster/tls/tls.crt
  key: /etc/pico/cluster/tls/tls.key
  client-ca: /etc/pico/cluster/tls/ca.crt
  server-name: {{ include "pico.clusterServerName" . }}
{{- end -}}

{{/* Pico's configuration: what the chart says, and over that what `config` says. */}}
{{- define "pico.config" -}}
{{- $proxy := include "pico.port" (dict "port" "proxy" "values" .Values.proxy) | fromYaml -}}
{{- $_ := set $proxy "listen" (printf ":%d" (int .Values.proxy.port)) -}}
{{- with .Values.proxy.trustedProxies }}{{ $_ := set $proxy "trusted-proxies" . }}{{ end -}}
{{- with .Values.proxy.domains }}{{ $_ := set $proxy "domains" . }}{{ end -}}
{{- if .Values.proxy.proxyProtocol }}{{ $_ := set $proxy "proxy-protocol" true }}{{ end -}}
{{- $upstream := include "pico.port" (dict "port" "upstream" "values" .Values.upstream) | fromYaml -}}
{{- if .Values.upstream.port }}{{ $_ := set $upstream "listen" (printf ":%d" (int .Values.upstream.port)) }}{{ end -}}
{{- $admin := include "pico.port" (dict "port" "admin" "values" .Values.admin) | fromYaml -}}
{{- $_ := set $admin "listen" (printf ":%d" (int .Values.admin.port)) -}}
{{- $_ := set $admin "probe-listen" (printf ":%d" (int .Values.probes.port)) -}}
{{- $config := dict "proxy" $proxy "upstream" $upstream "admin" $admin -}}
{{- if .Values.cluster.enabled }}{{ $_ := set $config "cluster" (include "pico.cluster" . | fromYaml) }}{{ end -}}
{{- $_ := set $config "drain-delay" (printf "%ds" (int .Values.drain.delaySeconds)) -}}
{{- $_ := set $config "grace-period" (printf "%ds" (int .Values.drain.graceSeconds)) -}}
{{- range $key := list "proxy" "upstream" "admin" -}}
{{- $port := get $config $key -}}
{{- if not $port.auth }}{{ $_ := unset $port "auth" }}{{ end -}}
{{- if not $port }}{{ $_ := unset $config $key }}{{ end -}}
{{- end -}}
{{ mergeOverwrite $config (deepCopy .Values.config) | toYaml }}
{{- end -}}
