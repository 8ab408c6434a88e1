metadata description = 'Event Grid\'s custom topics of contracts/eventgrid.json: finished COGs in, changes of the catalog out.'

import { grant, principals } from 'types.bicep'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What comes before a topic\'s own name.')
param prefix string

@description('Rows of access.json: `publishes` is granted here.')
param grants grant[]

@description('Who the identities are.')
param principalsByName principals

@description('Reached through a private endpoint only; else over the Internet, too, by Entra ID only.')
param isPrivate bool

@description('Object ids of the converters (managed identities, applications) that may publish finished COGs.')
param cogPublisherIds string[]

var topics = loadJsonContent('../../../contracts/eventgrid.json').customTopics
var roles = loadJsonContent('../access.json').roles
var topicNames = map(topics, topic => topic.name)
// One topic is delivered to Service Bus; what the other tells is for whoever subscribes.
var delivering = indexOf(map(topics, topic => length(topic.eventSubscriptions) > 0), true)

// A topic's own identity delivers: behind a firewall, Service Bus and storage trust Event Grid by no other.
resource topic 'Microsoft.EventGrid/topics@2025-02-15' = [
  for name in topicNames: {
    name: '${prefix}-${name}'
    location: location
    tags: tags
    identity: { type: 'SystemAssigned' }
    properties: {
      inputSchema: 'CloudEventSchemaV1_0'
      disableLocalAuth: true
      minimumTlsVersionAllowed: '1.2'
      publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    }
  }
]

var publishers = concat(
  map(filter(grants, row => row.verb == 'publishes'), row => { on: row.on, id: principalsByName[row.identity].id }),
  map(union(cogPublisherIds, []), id => { on: 'cog-events', id: id })
)

resource publishes 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in publishers: {
    scope: topic[indexOf(topicNames, row.on)]
    name: guid(topic[indexOf(topicNames, row.on)].id, row.id, roles.publishes.id)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.publishes.id)
      principalId: row.id
      principalType: 'ServicePrincipal'
    }
  }
]

@description('Resource ids of the topics, in the order of the contract.')
output topicIds string[] = [for (_, i) in topicNames: topic[i].id]

@description('Names of the topics, in the order of the contract.')
output topicNames string[] = [for (_, i) in topicNames: topic[i].name]

@description('Object id of the identity that delivers.')
output principalId string = topic[delivering].identity.principalId

@description('Where finished COGs are published.')
output cogEventsEndpoint string = topic[indexOf(topicNames, 'cog-events')].properties.endpoint

@description('Where changes of the catalog are published.')
output catalogEventsEndpoint string = topic[indexOf(topicNames, 'catalog-events')].properties.endpoint
