metadata description = 'The event subscriptions of the custom topics in contracts/eventgrid.json, delivered to Service Bus.'

@description('Names of the custom topics, in the order of the contract.')
param topicNames string[]

@description('Resource ids of the Service Bus topics, by name.')
param serviceBusTopicIds object

@description('Resource id of the account that takes dead letters.')
param deadLetterAccountId string

var topics = loadJsonContent('../../../contracts/eventgrid.json').customTopics
var subscriptions = flatten(map(
  topics,
  (topic, index) => map(topic.eventSubscriptions, item => { topic: index, content: item })
))

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = [for name in topicNames: { name: name }]

@batchSize(1)
resource subscription 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for item in subscriptions: {
    parent: topic[item.topic]
    name: item.content.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      deliveryWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        destination: {
          endpointType: 'ServiceBusTopic'
          properties: { resourceId: serviceBusTopicIds[item.content.destination.topic] }
        }
      }
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: { resourceId: deadLetterAccountId, blobContainerName: item.content.deadLetterContainer }
        }
      }
      retryPolicy: {
        maxDeliveryAttempts: item.content.retryPolicy.maxDeliveryAttempts
        eventTimeToLiveInMinutes: item.content.retryPolicy.eventTimeToLiveInMinutes
      }
    }
  }
]
