{{- define "pico.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that what is put behind it fits into a name. */}}
{{- define "pico.fullname" -}}
{{- $name := include "pico.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pico.nodesName" -}}{{ include "pico.fullname" . }}-nodes{{- end -}}

{{- define "pico.nodesHost" -}}
{{ include "pico.nodesName" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "pico.selector" -}}
app.kubernetes.io/name: {{ include "pico.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: node
{{- end -}}

{{- define "pico.labels" -}}
{{ include "pico.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pico.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "pico.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "pico.image" -}}
{{- $repository := required "image.repository: say where you pushed the image of Pico (docs/hosting/docker)" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" $repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}
{{- end -}}

{{/* The Secret of links' certificates. */}}
{{- define "pico.clusterTLSSecret" -}}
{{- if .Values.cluster.tls.certManager.enabled -}}
{{ default (printf "%s-links" (include "pico.fullname" .)) .Values.cluster.tls.secret }}
{{- else -}}
{{ .Values.cluster.tls.secret }}
{{- end -}}
{{- end -}}

{{- define "pico.clusterServerName" -}}
{{ default (include "pico.nodesHost" .) .Values.cluster.tls.serverName }}
{{- end -}}

{{/* How long a pod takes to end, in seconds: what is waited for before the signal, and what Pico takes behind it. */}}
{{- define "pico.timeToEnd" -}}
{{- with .Values.drain -}}{{ add (int .preStopSeconds) (int .delaySeconds) (int .graceSeconds) }}{{- end -}}
{{- end -}}
