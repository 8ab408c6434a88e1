metadata description = 'Alerts on what the platform itself measures.'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What comes before an alert\'s own name.')
param prefix string

@description('Mail addresses that are told.')
param mailTo string[]

@description('The Service Bus namespace.')
param namespaceId string

@description('The PostgreSQL server.')
param serverId string

@description('The topics of Event Grid.')
param eventTopicIds string[]

@description('How many they are: known before their ids are.')
param eventTopicCount int

@description('Application Insights.')
param insightsId string

@description('The API\'s function app, as requests name it.')
param apiName string

@description('Messages that wait in a subscription for half an hour before somebody is told.')
param backlogMessages int

@description('Seconds within which 95 of 100 requests to the API are answered.')
param apiP95Seconds int

@description('Seconds within which 95 of 100 blobs are searchable after their event.')
param freshnessP95Seconds int

@description('Seconds that the oldest message of a subscription, or announcement, may wait.')
param oldestMessageSeconds int

@description('Connections that the database takes.')
param maxConnections int

var onServiceBus = [
  {
    name: 'dead-letters'
    description: 'A message was given up by Service Bus: a crash or a bug. docs/deploy.md, "When an alert comes".'
    metric: 'DeadletteredMessages'
    aggregation: 'Average'
    entity: '*'
    threshold: 0
    window: 'PT5M'
    severity: 1
  }
  {
    name: 'rejected'
    description: 'An event was given up: nobody understands it, what it needs was away for too long, or its Item would be no valid STAC. What a file lacks: eventstac blobs.'
    metric: 'IncomingMessages'
    aggregation: 'Total'
    entity: 'rejected'
    threshold: 0
    window: 'PT15M'
    severity: 3
  }
  {
    name: 'backlog'
    description: 'More waits in a topic than its app works off.'
    metric: 'ActiveMessages'
    aggregation: 'Minimum'
    entity: '*'
    threshold: backlogMessages
    window: 'PT30M'
    severity: 2
  }
  {
    name: 'throttled'
    description: 'Service Bus refuses requests: more than the namespace takes.'
    metric: 'ThrottledRequests'
    aggregation: 'Total'
    entity: ''
    threshold: 0
    window: 'PT15M'
    severity: 3
  }
]

var onDatabase = [
  {
    name: 'database-storage'
    description: 'The database has less than a fifth of its storage left.'
    metric: 'storage_percent'
    aggregation: 'Average'
    threshold: 80
  }
  {
    name: 'database-connections'
    description: 'Connections to the database fail: too many, or a wrong identity.'
    metric: 'connections_failed'
    aggregation: 'Total'
    threshold: 10
  }
  {
    name: 'database-connections-used'
    description: 'Four fifths of the connections that the database takes are in use.'
    metric: 'active_connections'
    aggregation: 'Average'
    threshold: maxConnections * 4 / 5
  }
  {
    name: 'database-cpu'
    description: 'The database has worked at its limit for a quarter of an hour.'
    metric: 'cpu_percent'
    aggregation: 'Average'
    threshold: 90
  }
]

// What the apps tell themselves: their role is `eventstac.APP`, the host's the name of the function app.
var onTelemetry = [
  {
    name: 'oldest-message'
    description: 'A message waits for too long in a subscription: its app does not run, or does not keep up.'
    query: 'customMetrics | where name == "eventstac.queue.oldest_age" | summarize arg_max(timestamp, value) by tostring(customDimensions["topic"]), tostring(customDimensions["subscription"]) | where value > ${oldestMessageSeconds}'
    severity: 2
  }
  {
    name: 'oldest-announcement'
    description: 'What the catalog has to say of its changes is not published.'
    query: 'customMetrics | where name == "eventstac.outbox.oldest_age" | summarize arg_max(timestamp, value) | where value > ${oldestMessageSeconds}'
    severity: 2
  }
  {
    name: 'dead-letters-left'
    description: 'Dead letters lie in a queue: the loader, which should take them over, does not.'
    query: 'customMetrics | where name == "eventstac.queue.dead_letters" | summarize least = min(value), times = count() by tostring(customDimensions["topic"]), tostring(customDimensions["subscription"]) | where times >= 2 and least > 0'
    severity: 2
  }
  {
    name: 'rejections-open'
    description: 'Events that were given up wait for the operator.'
    query: 'customMetrics | where name == "eventstac.rejections" | summarize arg_max(timestamp, value) | where value > 0'
    severity: 3
  }
  {
    name: 'freshness-p95'
    description: 'The slowest twentieth of blobs is searchable later than it may be.'
    query: 'requests | where cloud_RoleName startswith "eventstac." | extend freshness = todouble(customDimensions["freshness_s"]) | where isnotnull(freshness) | summarize items = count(), p95 = percentile(freshness, 95) | where items >= 20 and p95 > ${freshnessP95Seconds}'
    severity: 2
  }
  {
    name: 'completeness'
    description: 'The last reconcile found that the catalog is not what the storage holds.'
    query: 'customMetrics | where name == "eventstac.reconcile.completeness" | summarize arg_max(timestamp, value) | where value < 100'
    severity: 2
  }
  {
    name: 'incomplete-collection'
    description: 'Items of a Collection are not shown: files that they need are missing or were rejected.'
    query: 'customMetrics | where name == "eventstac.completeness" | summarize arg_max(timestamp, value) by tostring(customDimensions["collection"]) | where value < 100'
    severity: 3
  }
  {
    name: 'silence'
    description: 'The loader has told nothing for a quarter of an hour: none of these alerts can come while it is so.'
    query: 'customMetrics | where name == "eventstac.queue.oldest_age" | summarize told = count() | where told == 0'
    severity: 1
  }
]

// Seconds: two of the longest pauses between attempts, so that whatever is away for a quarter of an hour is told of.
var failingSeconds = 600

// The API's function that hears of changes: the host tells of each call as of a request of this name.
var apiListener = 'forget_changed_collections'

// Looked at more often than once in their quarter of an hour, so that what arrives late is not missed.
var seenOften = [
  {
    name: 'api-5xx'
    description: 'The API answers with server errors.'
    query: 'requests | where cloud_RoleName =~ "${apiName}" and toint(resultCode) >= 500'
    threshold: 5
    severity: 1
  }
  {
    name: 'api-p95'
    description: 'The slowest twentieth of requests to the API takes longer than it may.'
    query: 'requests | where cloud_RoleName =~ "${apiName}" and not(name endswith "${apiListener}") | summarize requests = count(), p95 = percentile(duration, 95) | where requests >= 20 and p95 > ${apiP95Seconds * 1000}'
    threshold: 0
    severity: 2
  }
  {
    name: 'failing-messages'
    description: 'A message has failed for ten minutes and is tried again: what it needs (the database, the storage) is away. No other alert sees it, since it waits in no subscription.'
    query: 'customMetrics | where name == "eventstac.message.failing" | summarize longest = max(valueMax) by tostring(customDimensions["topic"]), tostring(customDimensions["subscription"]) | where longest > ${failingSeconds}'
    threshold: 0
    severity: 2
  }
  {
    name: 'failed-functions'
    description: 'A function of an app raises: its message is delivered again, and becomes a dead letter after ten times.'
    query: 'requests | where (cloud_RoleName !~ "${apiName}" or name endswith "${apiListener}") and not(cloud_RoleName startswith "eventstac.") and success == false'
    threshold: 10
    severity: 2
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(mailTo)) {
  name: '${prefix}-people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'eventstac'
    enabled: true
    emailReceivers: [
      for (address, i) in mailTo: { name: 'mail-${i}', emailAddress: address, useCommonAlertSchema: true }
    ]
  }
}

var told = empty(mailTo) ? [] : [{ actionGroupId: people.id }]

resource busAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for item in onServiceBus: {
    name: '${prefix}-${item.name}'
    location: 'global'
    tags: tags
    properties: {
      description: item.description
      severity: item.severity
      enabled: true
      scopes: [namespaceId]
      evaluationFrequency: 'PT5M'
      windowSize: item.window
      autoMitigate: true
      actions: told
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: item.name
            metricName: item.metric
            timeAggregation: item.aggregation
            operator: 'GreaterThan'
            threshold: item.threshold
            dimensions: empty(item.entity) ? [] : [{ name: 'EntityName', operator: 'Include', values: [item.entity] }]
          }
        ]
      }
    }
  }
]

resource databaseAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for item in onDatabase: {
    name: '${prefix}-${item.name}'
    location: 'global'
    tags: tags
    properties: {
      description: item.description
      severity: 2
      enabled: true
      scopes: [serverId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      actions: told
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: item.name
            metricName: item.metric
            timeAggregation: item.aggregation
            operator: 'GreaterThan'
            threshold: item.threshold
          }
        ]
      }
    }
  }
]

resource eventAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for i in range(0, eventTopicCount): {
    name: '${prefix}-event-dead-letters-${i}'
    location: 'global'
    tags: tags
    properties: {
      description: 'Event Grid gave up an event and wrote it to the container deadletter.'
      severity: 1
      enabled: true
      scopes: [eventTopicIds[i]]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      actions: told
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: 'event-dead-letters'
            metricName: 'DeadLetteredCount'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 0
          }
        ]
      }
    }
  }
]

resource oftenAlert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for item in seenOften: {
    name: '${prefix}-${item.name}'
    location: location
    tags: tags
    properties: {
      displayName: item.name
      description: item.description
      severity: item.severity
      enabled: true
      scopes: [insightsId]
      // a new workspace does not know the tables yet that nothing was written to
      skipQueryValidation: true
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      actions: { actionGroups: empty(mailTo) ? [] : [people.id] }
      criteria: {
        allOf: [
          {
            query: item.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: item.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
    }
  }
]

resource telemetryAlert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for item in onTelemetry: {
    name: '${prefix}-${item.name}'
    location: location
    tags: tags
    properties: {
      displayName: item.name
      description: item.description
      severity: item.severity
      enabled: true
      scopes: [insightsId]
      // a new workspace does not know the tables yet that nothing was written to
      skipQueryValidation: true
      evaluationFrequency: 'PT15M'
      windowSize: 'PT15M'
      autoMitigate: true
      actions: { actionGroups: empty(mailTo) ? [] : [people.id] }
      criteria: {
        allOf: [
          {
            query: item.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
    }
  }
]
