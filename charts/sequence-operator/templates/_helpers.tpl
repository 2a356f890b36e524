{{- define "sequence-operator.labels" -}}
app.kubernetes.io/name: sequence-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sequence-operator.selector" -}}
app.kubernetes.io/name: sequence-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sequence-operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "sequence-builder.image" -}}
{{- with .Values.builder.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Labels of builder Pods: none that the operator's Services select. */ -}}
{{- define "sequence-builder.selector" -}}
app.kubernetes.io/name: sequence-builder
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sequence-builder.labels" -}}
{{ include "sequence-builder.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sequence-operator.trees" -}}
http://sequence-operator-trees.{{ .Release.Namespace }}.svc:8081
{{- end }}

{{- /* The namespaces that have a builder, as JSON. */ -}}
{{- define "sequence-builder.namespaces" -}}
{{- $names := list -}}
{{- if .Values.builder.enabled -}}
{{- range .Values.namespaces -}}
{{- if ne (toString (get . "builder")) "false" -}}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{- end -}}
{{ $names | toJson }}
{{- end }}
