{{- define "lessee.name" -}}
{{- .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "lessee.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "lessee.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lessee.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end -}}

{{- define "lessee.labels" -}}
{{ include "lessee.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "lessee.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lessee.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "lessee.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "lessee.secretName" -}}
{{- if eq .Values.tls.mode "existing" -}}
{{- required "tls.secretName is needed with tls.mode=existing: the secret with tls.crt and tls.key" .Values.tls.secretName -}}
{{- else -}}
{{- include "lessee.fullname" . }}-tls
{{- end -}}
{{- end -}}

{{- define "lessee.hosts" -}}
{{- $service := include "lessee.fullname" . -}}
{{- $hosts := list -}}
{{- range list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) -}}
{{- $hosts = append $hosts . -}}
{{- end -}}
{{- toJson $hosts -}}
{{- end -}}

{{/* 1.28 has match conditions without a feature gate. */}}
{{- define "lessee.matchConditions" -}}
{{- if and .Values.webhook.matchConditions (semverCompare ">=1.28.0-0" .Capabilities.KubeVersion.Version) -}}true{{- end -}}
{{- end -}}
