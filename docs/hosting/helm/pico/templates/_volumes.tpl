{{/* The Secrets that the pod mounts, as a list of {name, path, secret}: whole folders, so that what changes in a Secret reaches the process. */}}
{{- define "pico.secrets" -}}
{{- range $port := list "proxy" "upstream" "admin" }}
{{- $values := get $.Values $port }}
{{- if $values.tls.secret }}
- {name: {{ $port }}-tls, path: {{ $port }}/tls, secret: {{ $values.tls.secret }}}
{{- end }}
{{- if $values.auth.publicKeySecret.name }}
- {name: {{ $port }}-public-key, path: {{ $port }}/public-key, secret: {{ $values.auth.publicKeySecret.name }}}
{{- end }}
{{- if $values.auth.hmacSecret.name }}
- {name: {{ $port }}-hmac, path: {{ $port }}/hmac, secret: {{ $values.auth.hmacSecret.name }}}
{{- end }}
{{- end }}
{{- if .Values.cluster.enabled }}
- {name: cluster-secret, path: cluster/secret, secret: {{ .Values.cluster.secret.name }}}
- {name: cluster-tls, path: cluster/tls, secret: {{ include "pico.clusterTLSSecret" . }}}
{{- if .Values.etcd.enabled }}
{{- with .Values.etcd.tls.secret }}
- {name: etcd-client, path: etcd/client, secret: {{ . }}}
{{- end }}
{{- else }}
{{- with .Values.externalEtcd.caSecret }}
- {name: etcd-ca, path: etcd/ca, secret: {{ . }}}
{{- end }}
{{- with .Values.externalEtcd.clientSecret }}
- {name: etcd-client, path: etcd/client, secret: {{ . }}}
{{- end }}
{{- if .Values.externalEtcd.username }}
- {name: etcd-password, path: etcd/password, secret: {{ .Values.externalEtcd.passwordSecret.name }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
