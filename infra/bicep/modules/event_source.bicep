metadata description = 'The storage events of one account, delivered to Service Bus; deployed to the account\'s own resource group.'

@description('The region of the account.')
param location string

@description('Tags of every resource.')
param tags object

@description('The storage account.')
param accountName string

@description('The account\'s system topic, if it has one: there can be only one. Its identity is left as it is.')
param existingTopicName string

@description('Resource id of the user-assigned identity that delivers, for a system topic that is made here.')
param identityId string

@description('Resource ids of the Service Bus topics, by name.')
param serviceBusTopicIds object

@description('Resource id of the account that takes dead letters.')
param deadLetterAccountId string

@description('The containers that are watched, by kind: `source`, `cogs` and `config`.')
param containersByKind {
  @description('Names of the containers of one kind.')
  *: string[]
}

var subscriptions = loadJsonContent('../../../contracts/eventgrid.json').systemTopics[0].eventSubscriptions
var containersPath = '/blobServices/default/containers/'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: accountName
}

resource made 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (empty(existingTopicName)) {
  name: '${accountName}-events'
  location: location
  tags: tags
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: { source: account.id, topicType: 'Microsoft.Storage.StorageAccounts' }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: empty(existingTopicName) ? '${accountName}-events' : existingTopicName
}

// The contract names one container of a kind by the subject's beginning; here there may be several, with other names.
// One at a time: Event Grid refuses two changes of a topic at once.
@batchSize(1)
resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for item in subscriptions: {
    parent: topic
    name: 'eventstac-${item.name}'
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      deliveryWithResourceIdentity: {
        identity: empty(existingTopicName)
          ? { type: 'UserAssigned', userAssignedIdentity: identityId }
          : { type: 'SystemAssigned' }
        destination: {
          endpointType: 'ServiceBusTopic'
          properties: { resourceId: serviceBusTopicIds[item.destination.topic] }
        }
      }
      deadLetterWithResourceIdentity: {
        identity: empty(existingTopicName)
          ? { type: 'UserAssigned', userAssignedIdentity: identityId }
          : { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: { resourceId: deadLetterAccountId, blobContainerName: item.deadLetterContainer }
        }
      }
      retryPolicy: {
        maxDeliveryAttempts: item.retryPolicy.maxDeliveryAttempts
        eventTimeToLiveInMinutes: item.retryPolicy.eventTimeToLiveInMinutes
      }
      filter: {
        subjectBeginsWith: containersPath
        isSubjectCaseSensitive: item.filter.isSubjectCaseSensitive
        includedEventTypes: item.filter.includedEventTypes
        enableAdvancedFilteringOnArrays: false
        advancedFilters: concat(item.filter.?advancedFilters ?? [], [
          {
            operatorType: 'StringBeginsWith'
            key: 'subject'
            values: map(
              containersByKind[split(item.filter.subjectBeginsWith, '/')[4]],
              container => '${containersPath}${container}/'
            )
          }
        ])
      }
    }
    dependsOn: [made]
  }
]

@description('Resource id of the system topic.')
output topicId string = topic.id
