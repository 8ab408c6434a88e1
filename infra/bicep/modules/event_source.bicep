metadata description = 'The storage events of one account, delivered to Service Bus; deployed to the account\'s own resource group.'

@description('The account\'s system topic.')
param topicName string

@description('What comes before a subscription\'s own name: other deployments may watch this account, too.')
param prefix string

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

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

// The contract names one container of a kind by the subject's beginning; here there may be several, with other names.
// One at a time: Event Grid refuses two changes of a topic at once.
@batchSize(1)
resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for item in subscriptions: {
    parent: topic
    name: '${prefix}-${item.name}'
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      deliveryWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        destination: {
          endpointType: 'ServiceBusTopic'
          properties: { resourceId: serviceBusTopicIds[item.destination.topic] }
        }
      }
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
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
  }
]
