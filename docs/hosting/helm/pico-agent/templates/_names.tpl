{{- define "pico-agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "pico-agent.fullname" -}}
{{- $name := include "pico-agent.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pico-agent.selector" -}}
app.kubernetes.io/name: {{ include "pico-agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "pico-agent.labels" -}}
{{ include "pico-agent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pico-agent.image" -}}
{{- $repository := required "image.repository: say where you pushed the image of Pico (docs/hosting/docker)" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" $repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}
{{- end -}}

{{- define "pico-agent.config" -}}
{{- $server := dict "url" (required "server.url: the server to register with, https://pico.example.com" .Values.server.url) -}}
{{- if .Values.server.tokenSecret.name }}{{ $_ := set $server "token-file" (printf "/etc/pico/token/%s" .Values.server.tokenSecret.key) }}{{ end -}}
{{- $tls := dict -}}
{{- if .Values.server.caSecret }}{{ $_ := set $tls "ca" "/etc/pico/ca/ca.crt" }}{{ end -}}
{{- if .Values.server.clientSecret -}}
{{- $_ := set $tls "cert" "/etc/pico/client/tls.crt" -}}
{{- $_ := set $tls "key" "/etc/pico/client/tls.key" -}}
{{- end -}}
{{- if $tls }}{{ $_ := set $server "tls" $tls }}{{ end -}}
{{- if not .Values.listeners }}{{ fail "listeners: the endpoints and the services behind them" }}{{ end -}}
{{- $config := dict "server" $server "listeners" .Values.listeners -}}
{{- $_ := set $config "metrics" (dict "listen" (printf ":%d" (int .Values.metricsPort))) -}}
{{- $_ := set $config "grace-period" (printf "%ds" (int .Values.graceSeconds)) -}}
{{ mergeOverwrite $config (deepCopy .Values.config) | toYaml }}
{{- end -}}
