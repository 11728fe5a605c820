{{- define "etcd.fullname" -}}{{ .Release.Name }}-etcd{{- end -}}

{{- define "etcd.host" -}}
{{ include "etcd.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "etcd.scheme" -}}{{ if .Values.tls.secret }}https{{ else }}http{{ end }}{{- end -}}

{{- define "etcd.selector" -}}
app.kubernetes.io/name: etcd
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "etcd.labels" -}}
{{ include "etcd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "etcd.members" -}}
{{- $members := list -}}
{{- range until (int .Values.replicas) -}}
{{- $name := printf "%s-%d" (include "etcd.fullname" $) . -}}
{{- $members = append $members (printf "%s=%s://%s.%s:2380" $name (include "etcd.scheme" $) $name (include "etcd.host" $)) -}}
{{- end -}}
{{ join "," $members }}
{{- end -}}
