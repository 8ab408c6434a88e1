metadata description = 'Service Bus: topics, subscriptions and rules of contracts/topology.json, and who may use them.'

import { grant, principals } from 'types.bicep'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the namespace.')
param name string

@description('Standard, or Premium: bigger messages, own capacity, private endpoints.')
param sku ('Standard' | 'Premium')

@description('Messaging units of Premium.')
param capacity int

@description('Rows of access.json: `receives` and `sends` are granted here.')
param grants grant[]

@description('Who the identities are.')
param principalsByName principals

@description('Reached through a private endpoint only; else over the Internet, too, by Entra ID only.')
param isPrivate bool

@description('Where logs and metrics go.')
param workspaceId string

var topics = loadJsonContent('../../../contracts/topology.json').UserConfig.Namespaces[0].Topics
var roles = loadJsonContent('../access.json').roles
var subscriptionList = flatten(map(
  topics,
  (topic, index) =>
    map(topic.Subscriptions, subscription => {
      topic: index
      path: '${topic.Name}/${subscription.Name}'
      name: subscription.Name
      properties: subscription.Properties
      rules: subscription.Rules
    })
))
var topicNames = map(topics, topic => topic.Name)
var subscriptionPaths = map(subscriptionList, subscription => subscription.path)
var receivers = filter(grants, row => row.verb == 'receives')
var senders = filter(grants, row => row.verb == 'sends')

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: sku == 'Premium' ? { name: sku, tier: sku, capacity: capacity } : { name: sku, tier: sku }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    premiumMessagingPartitions: sku == 'Premium' ? 1 : null
  }
}

// Event Grid has no private route: it comes in as a trusted service. Public access is off, because a namespace that
// denies by default but has no rule lets everybody in.
resource network 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (isPrivate) {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: true
  }
  dependsOn: [rule]
}

// One at a time, all three: changes of one topic at once end in conflicts.
@batchSize(1)
resource topic 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' = [
  for item in topics: {
    parent: namespace
    name: item.Name
    properties: {
      defaultMessageTimeToLive: item.Properties.DefaultMessageTimeToLive
      requiresDuplicateDetection: item.Properties.RequiresDuplicateDetection
      duplicateDetectionHistoryTimeWindow: item.Properties.DuplicateDetectionHistoryTimeWindow
      maxSizeInMegabytes: 5120
      supportOrdering: false
    }
  }
]

@batchSize(1)
resource subscription 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = [
  for item in subscriptionList: {
    parent: topic[item.topic]
    name: item.name
    properties: {
      lockDuration: item.properties.LockDuration
      maxDeliveryCount: item.properties.MaxDeliveryCount
      defaultMessageTimeToLive: item.properties.DefaultMessageTimeToLive
      deadLetteringOnMessageExpiration: item.properties.DeadLetteringOnMessageExpiration
      // A filter that fails must be seen, not lose the message.
      deadLetteringOnFilterEvaluationExceptions: true
      requiresSession: item.properties.RequiresSession
    }
  }
]

// A new subscription has a rule $Default that lets everything through, and rules are joined by OR: ours replaces it.
@batchSize(1)
resource rule 'Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01' = [
  for (item, i) in subscriptionList: {
    parent: subscription[i]
    name: '$Default'
    properties: {
      filterType: 'SqlFilter'
      sqlFilter: { sqlExpression: item.rules[0].Properties.SqlFilter.SqlExpression }
    }
    dependsOn: [subscription]
  }
]

// On the subscription, not on its topic: a receiver's right on the topic alone is refused.
resource receives 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in receivers: {
    scope: subscription[indexOf(subscriptionPaths, row.on)]
    name: guid(namespace.id, row.on, principalsByName[row.identity].id, roles.receives.id)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.receives.id)
      principalId: principalsByName[row.identity].id
      principalType: principalsByName[row.identity].type
    }
  }
]

resource sends 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in senders: {
    scope: topic[indexOf(topicNames, row.on)]
    name: guid(namespace.id, row.on, principalsByName[row.identity].id, roles.sends.id)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.sends.id)
      principalId: principalsByName[row.identity].id
      principalType: principalsByName[row.identity].type
    }
  }
]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'operations'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
  }
}

@description('Resource id of the namespace.')
output namespaceId string = namespace.id

@description('Host name of the namespace, as the SDKs want it.')
output hostName string = replace(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')

@description('Resource ids of the topics, by name.')
output topicIds object = toObject(
  topicNames,
  entry => entry,
  entry => resourceId('Microsoft.ServiceBus/namespaces/topics', name, entry)
)
