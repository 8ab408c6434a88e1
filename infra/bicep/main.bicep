metadata description = 'eventstac on Azure: blob events in, searchable STAC Items out. Deployed to a subscription.'

targetScope = 'subscription'

import { existingAccount, person } from 'modules/types.bicep'

@description('Name of the environment: dev, test, prod, or what azd is told. It is part of the resources\' names.')
@minLength(2)
@maxLength(12)
param environmentName string

@description('The region of everything; Flex Consumption has to be there.')
param location string

@description('The resource group. It is made if it is not there.')
param resourceGroupName string = 'rg-eventstac-${environmentName}'

@description('Sizes of sizes.json: instances and memory of the apps, machine of the database.')
param size ('small' | 'large') = 'small'

@description('Who runs `eventstac setup`: the Entra administrator of the database. A group, so that it may be several.')
param databaseAdministrator person

@description('Who uses the command `eventstac` to look after the catalog; nobody if left out.')
param operator person?

@description('Containers whose blobs become Items; Event Grid takes 25 values in all filters of an event subscription.')
@minLength(1)
@maxLength(19)
param sourceContainers string[] = ['source']

@description('Containers of converted COGs, in the same account; watched for deletions.')
@minLength(1)
@maxLength(25)
param cogContainers string[] = ['cogs']

@description('The account that holds the rasters already. Left out, an account is made. Its source containers have to be there.')
param existingStorage existingAccount?

@description('The container of thumbnails. Left empty, `thumbnails`; in an existing account one with the deployment\'s own name.')
param thumbnailsContainer string = ''

@description('The container to which rules files are uploaded. Left empty, `config`; in an existing account one with the deployment\'s own name.')
param configContainer string = ''

@description('The container of the smoke test. Left empty, `smoke`; in an existing account one with the deployment\'s own name.')
param smokeContainer string = ''

@description('Make the COG containers in an existing account; where they are there already, do not.')
param makeCogContainers bool = true

@description('The existing account\'s system topic, if it has one (Defender for Storage makes one, too): an account can have only one. It needs a system-assigned identity.')
param existingSystemTopicName string = ''

@description('Give a new account directories (Data Lake).')
param hierarchicalNamespace bool = false

@description('How many copies of the rasters a new account keeps, and where.')
param storageRedundancy ('Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS') = 'Standard_LRS'

@description('Object ids of the converters (managed identities, applications) that may publish finished COGs.')
param cogPublisherIds string[] = []

@description('Tier of Service Bus. Premium for bigger messages, more throughput, or a private network.')
param serviceBusSku ('Standard' | 'Premium') = 'Standard'

@description('Messaging units of a Premium namespace.')
param serviceBusCapacity (1 | 2 | 4 | 8 | 16) = 1

@description('Everything in a network of its own, reachable from inside only. Needs `serviceBusSku` Premium.')
param privateNetwork bool = false

@description('The addresses of that network: a /22 or larger that nothing peered with it has.')
param networkAddresses string = '10.91.0.0/22'

@description('Resource id of a NAT gateway of yours, through which the private network reaches the Internet; nothing if left empty.')
param natGatewayId string = ''

@description('Who may read the catalog: `open` is everybody who reaches the API, `entra` those who sign in.')
param apiAccess ('open' | 'entra') = 'entra'

@description('Client id of the application registration that callers of the API sign in to; needed for `entra`.')
param apiClientId string = ''

@description('Instances of the API that always run, so that the first request after a pause need not wait.')
@minValue(0)
@maxValue(4)
param apiAlwaysReady int = 0

@description('Instances that always run for the first look at an upload (scanner, extractor, loader), one number for each app.')
@minValue(0)
@maxValue(4)
param pipelineAlwaysReady int = 0

@description('PgBouncer of the server, in transaction mode, between apps and database. Not for Burstable.')
param pgBouncer bool = false

@description('Gigabytes of the database\'s disk; 0 is what the size has. A disk that grew by itself cannot shrink: then say what it has.')
@minValue(0)
param databaseGB int = 0

@description('Days to which the catalog can be restored: 7 to 35.')
@minValue(7)
@maxValue(35)
param backupDays int = 7

@description('Keep backups in the paired region, too.')
param geoRedundantBackup bool = false

@description('A standby of the database in another zone. Not for Burstable.')
param highAvailability bool = false

@description('An address on the Internet that is let in to the database: of the machine that sets it up. Nobody\'s if left out.')
param operatorAddress string = ''

@description('Mail addresses that alerts go to.')
param alertMail string[] = []

@description('Days for which logs are kept: 30 to 730.')
@minValue(30)
@maxValue(730)
param logDays int = 30

@description('Gigabytes of logs a day after which the rest of the day is dropped; -1 for no limit.')
param logDailyCapGB int = 1

@description('Id of the catalog: the root of the STAC API.')
param catalogId string = 'eventstac'

@description('Title of the catalog.')
param catalogTitle string = 'Rasters as they arrive'

@description('What the catalog says about itself.')
param catalogDescription string = 'Rasters, searchable as STAC Items seconds after their upload.'

@description('Seconds after which a search is given up.')
@minValue(1)
param apiStatementTimeoutSeconds int = 30

@description('The most Items that a page may have.')
@minValue(1)
param apiMaxLimit int = 1000

@description('The Cache-Control of answers that may be kept.')
param apiCacheControl string = 'no-cache'

@description('Web sites whose pages may call the API; * is all.')
param apiCorsOrigins string[] = ['*']

@description('Where the API keeps answers, or nowhere: a Redis as rediss://…, better a Key Vault reference to one.')
param apiRedisUrl string = ''

@description('Give callers who signed in addresses of assets with a signature: the API may then read the rasters.')
param apiSigning bool = false

@description('How the Functions host hands requests to the STAC API: streams (to the app\'s own server), or invocations, should a worker refuse that.')
@allowed(['streams', 'invocations'])
param apiHttp string = 'streams'

@description('Seconds for which such an address is good.')
@minValue(60)
@maxValue(3600)
param apiSignSeconds int = 3600

@description('Seconds for which an answer is kept at most; a change of its Collection ends it sooner.')
@minValue(1)
param apiRedisSeconds int = 60

@description('The Collection of blobs that no rule matches.')
param defaultCollection string = 'bronze-tier'

@description('The address that links in the catalog begin with, if it is not the API\'s own: a gateway\'s, a domain\'s.')
param rootUrl string = ''

@description('When storage, facts and catalog are compared, as six fields (seconds first), UTC.')
param reconcileSchedule string = '0 0 3 * * *'

@description('When what is no longer needed is cleared away, as six fields (seconds first), UTC.')
param housekeepingSchedule string = '0 0 5 * * *'

@description('Seconds by which the clocks of the storage\'s front ends may differ.')
@minValue(1)
param skewWindowSeconds int = 5

@description('Hours for which a message is tried again while what it needs is away; then it is given up.')
@minValue(1)
@maxValue(360)
param retryLimitHours int = 24

@description('Seconds within which 95 of 100 blobs should be searchable after their event; else an alert.')
@minValue(1)
param freshnessP95Seconds int = 60

@description('Seconds that the oldest message of a subscription may wait before an alert. A backfill waits longer.')
@minValue(60)
param oldestMessageSeconds int = 1800

@description('Tags of every resource.')
param tags object = {}

// Letters that names of Azure's resources take.
var plain = 'abcdefghijklmnopqrstuvwxyz0123456789-'

@description('Whether a name has no other characters than some, and hyphens only one at a time, between others.')
func isSpelled(name string, characters string) bool =>
  !contains('-${name}-', '--') && hasOnly(name, characters)

@description('Whether a name has no other characters than some.')
func hasOnly(name string, characters string) bool =>
  empty(filter(map(range(0, length(name)), i => substring(name, i, 1)), one => !contains(characters, one)))

@description('Whether a collection of the rules file may be called so (contracts/rules/collections.schema.json).')
func isCollectionId(name string) bool =>
  length(name) <= 255 && hasOnly(toLower(name), '${plain}._') && !contains('-._', first('${name}-'))

var token = take(uniqueString(subscription().id, resourceGroupName, environmentName), 8)
var prefix = isSpelled(toLower(environmentName), plain)
  ? toLower('eventstac-${environmentName}-${token}')
  : fail('environmentName ${environmentName}: letters, digits and single hyphens between them, for it is part of the resources\' names')
var compact = toLower(replace('es${take(environmentName, 8)}${token}', '-', ''))
var allTags = union(tags, { application: 'eventstac', 'azd-env-name': environmentName })

var access = loadJsonContent('access.json')
var sized = loadJsonContent('sizes.json')[size]
var tooSmall = flatten(map(
  items(sized.apps),
  app => map(filter(items(app.value), one => one.value < 1), one => '${app.key}.${one.key} is ${one.value}')
))
var chosen = empty(tooSmall) ? sized : fail('sizes.json, ${size}: ${join(tooSmall, ', ')}. 1 is the least')
var retention = loadJsonContent('../../contracts/retention.json')
var customTopics = map(loadJsonContent('../../contracts/eventgrid.json').customTopics, topic => topic.name)
var apps = ['scanner', 'extractor', 'loader', 'cog-updater', 'stac-api']
// Event Grid delivers as its topics; the operator is somebody.
var delivering = ['storage-events', 'custom-events']
var managed = filter(
  map(items(access.identities), item => item.key),
  name => name != 'operator' && !contains(delivering, name)
)
var known = concat(managed, delivering, operator == null ? [] : ['operator'])
var verbs = map(items(access.roles), item => item.key)
var grants = flatten(map(
  known,
  identity =>
    flatten(map(
      verbs,
      verb => map(access.identities[identity][?verb] ?? [], on => { identity: identity, verb: verb, on: on })
    ))
))
var isMade = existingStorage == null
// Somebody's account may serve several deployments: what each of them writes there has a name of its own.
var ours = isMade ? '' : '${prefix}-'
var thumbnails = empty(thumbnailsContainer) ? '${ours}thumbnails' : thumbnailsContainer
var config = empty(configContainer) ? '${ours}config' : configContainer
// Watched like the others, so that `eventstac smoke` needs no right to write among the rasters.
var smoke = empty(smokeContainer) ? '${ours}smoke' : smokeContainer
var declared = concat(sourceContainers, [smoke], cogContainers, [thumbnails, config])
var twice = union(filter(declared, (name, i) => indexOf(declared, name) != i), [])
var misnamed = filter(declared, name => length(name) < 3 || length(name) > 63 || !isSpelled(name, '${plain}$'))
var watchedContainers = !empty(misnamed)
  ? fail('no names of containers: ${join(map(misnamed, name => '"${name}"'), ', ')}. They have 3 to 63 lower-case letters, digits and single hyphens')
  : !empty(twice)
      ? fail('containers that are named twice: ${join(twice, ', ')}. Those of sources, COGs, thumbnails, config and smoke are different ones; a source container may hold COGs without being one of cogContainers')
      : union(sourceContainers, [smoke])
// Left empty, it is what the apps take: bronze-tier.
var restCollection = empty(defaultCollection) || isCollectionId(defaultCollection)
  ? defaultCollection
  : fail('defaultCollection "${defaultCollection}": a collection\'s id has letters without accents, digits, ".", "_" and "-", a letter or digit first, 255 at most')
var containersByKind = {
  source: watchedContainers
  smoke: [smoke]
  cogs: cogContainers
  thumbnails: [thumbnails]
  config: [config]
}
var watchedName = existingStorage.?name ?? '${compact}data'
var watchedGroup = existingStorage.?resourceGroup ?? resourceGroupName
var watchedSubscription = existingStorage.?subscriptionId ?? subscription().subscriptionId

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  scope: group
  name: 'identity'
  params: { location: location, tags: allTags, prefix: prefix, names: managed }
}

var clientsByName = union(
  toObject(identity.outputs.identities, item => item.name, item => { id: item.principalId, type: 'ServicePrincipal' }),
  operator == null ? {} : { operator: { id: operator!.objectId, type: operator!.principalType } }
)
var principalsByName = union(clientsByName, {
  'storage-events': { id: systemTopic.outputs.principalId, type: 'ServicePrincipal' }
  'custom-events': { id: events.outputs.principalId, type: 'ServicePrincipal' }
})

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  name: 'network'
  params: { location: location, tags: allTags, name: prefix, addresses: networkAddresses, natGatewayId: natGatewayId }
}

var link = privateNetwork ? { subnetId: network!.outputs.endpointsSubnetId, zoneIds: network!.outputs.zoneIds } : null

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    location: location
    tags: allTags
    name: prefix
    retentionDays: logDays
    dailyCapGB: logDailyCapGB
    grants: grants
    principalsByName: principalsByName
  }
}

module messaging 'modules/messaging.bicep' = {
  scope: group
  name: 'messaging'
  params: {
    location: location
    tags: allTags
    name: prefix
    sku: privateNetwork && serviceBusSku != 'Premium'
      ? fail('privateNetwork needs serviceBusSku Premium: Standard has no private endpoints')
      : serviceBusSku
    capacity: serviceBusCapacity
    grants: grants
    principalsByName: principalsByName
    isPrivate: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
  }
}

module watchedAccount 'modules/storage_account.bicep' = if (isMade) {
  scope: group
  name: 'watched-account'
  params: {
    location: location
    tags: allTags
    name: watchedName
    redundancy: storageRedundancy
    hierarchicalNamespace: hierarchicalNamespace
    restoreDays: 7
    expiring: [
      {
        name: 'smoke'
        prefix: '${smoke}/eventstac-smoke/'
        days: retention.smokeDays
      }
    ]
    isPrivate: privateNetwork
  }
}

// Topics come before what they deliver to: their identities are granted there, then the event subscriptions follow.
module systemTopic 'modules/system_topic.bicep' = {
  scope: resourceGroup(watchedSubscription, watchedGroup)
  name: 'system-topic-${token}'
  params: {
    location: existingStorage.?location ?? location
    tags: allTags
    accountName: watchedName
    existingTopicName: existingSystemTopicName
  }
  dependsOn: [watchedAccount]
}

module events 'modules/events.bicep' = {
  scope: group
  name: 'events'
  params: {
    location: location
    tags: allTags
    prefix: prefix
    grants: grants
    principalsByName: clientsByName
    cogPublisherIds: cogPublisherIds
    isPrivate: privateNetwork
  }
}

module watched 'modules/storage.bicep' = {
  scope: resourceGroup(watchedSubscription, watchedGroup)
  name: 'watched-containers-${token}'
  params: {
    accountName: watchedName
    containersToMake: concat(
      isMade ? filter(sourceContainers, name => name != smoke) : [],
      isMade || makeCogContainers ? cogContainers : [],
      [thumbnails, config, smoke]
    )
    containersByKind: containersByKind
    verbs: concat(['reads', 'writes'], apiSigning ? ['signs', 'delegates'] : [])
    grants: grants
    principalsByName: principalsByName
  }
  dependsOn: [watchedAccount]
}

module stateAccount 'modules/storage_account.bicep' = {
  scope: group
  name: 'state-account'
  params: {
    location: location
    tags: allTags
    name: '${compact}state'
    redundancy: storageRedundancy
    restoreDays: 7
    // An account has one policy. This one is ours, whoever owns the account of the rasters.
    expiring: [
      {
        name: 'claims'
        prefix: 'claims/'
        days: retention.claimDays
      }
    ]
    isPrivate: privateNetwork
  }
}

module state 'modules/storage.bicep' = {
  scope: group
  name: 'state-containers'
  params: {
    accountName: stateAccount.outputs.name
    containersToMake: ['deadletter', 'claims']
    containersByKind: { deadletter: ['deadletter'], claims: ['claims'] }
    verbs: ['keeps', 'fetches']
    grants: grants
    principalsByName: principalsByName
  }
}

module eventRoutes 'modules/event_routes.bicep' = {
  scope: group
  name: 'event-routes'
  params: {
    topicNames: events.outputs.topicNames
    serviceBusTopicIds: messaging.outputs.topicIds
    deadLetterAccountId: state.outputs.accountId
  }
  // Event Grid asks for its right to deliver when a subscription is made, and a role counts some minutes after it was
  // given. The apps come after all roles and the database, one by one.
  dependsOn: [app]
}

module eventSource 'modules/event_source.bicep' = {
  scope: resourceGroup(watchedSubscription, watchedGroup)
  name: 'event-source-${token}'
  params: {
    topicName: systemTopic.outputs.name
    prefix: prefix
    serviceBusTopicIds: messaging.outputs.topicIds
    deadLetterAccountId: state.outputs.accountId
    containersByKind: containersByKind
  }
  dependsOn: [watched, app]
}

module database 'modules/database.bicep' = {
  scope: group
  name: 'database'
  params: {
    location: location
    tags: allTags
    name: prefix
    sku: chosen.database.sku
    tier: chosen.database.tier
    storageGB: databaseGB == 0 ? chosen.database.storageGB : databaseGB
    backupDays: backupDays
    geoRedundantBackup: geoRedundantBackup
    highAvailability: highAvailability && chosen.database.tier == 'Burstable'
      ? fail('highAvailability needs size large: a Burstable server has none')
      : highAvailability
    pgBouncer: pgBouncer && chosen.database.tier == 'Burstable'
      ? fail('pgBouncer needs size large: a Burstable server has none')
      : pgBouncer
    administrator: databaseAdministrator
    operatorAddress: operatorAddress
    isPrivate: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
  }
}

// One at a time, and the apps' own after them: Azure refuses a second endpoint while the subnet takes a first.
var reached = concat(
  [
    { resource: 'bus', name: prefix, service: 'servicebus', groupId: 'namespace' }
    { resource: 'database', name: prefix, service: 'postgres', groupId: 'postgresqlServer' }
    { resource: 'state', name: '${compact}state', service: 'blob', groupId: 'blob' }
  ],
  map(customTopics, topic => { resource: topic, name: '${prefix}-${topic}', service: 'eventgrid', groupId: 'topic' }),
  isMade ? [{ resource: 'watched', name: watchedName, service: 'blob', groupId: 'blob' }] : []
)
var reachedIds = union(
  {
    bus: messaging.outputs.namespaceId
    database: database.outputs.serverId
    state: stateAccount.outputs.id
    watched: isMade ? watchedAccount!.outputs.id : ''
  },
  toObject(customTopics, topic => topic, topic => events.outputs.topicIds[indexOf(customTopics, topic)])
)

@batchSize(1)
module endpoint 'modules/private_endpoint.bicep' = [
  for item in (privateNetwork ? reached : []): {
    scope: group
    name: 'endpoint-${item.resource}'
    params: {
      location: location
      tags: allTags
      resourceId: reachedIds[item.resource]
      resourceName: item.name
      service: item.service
      groupId: item.groupId
      privateNetwork: link!
    }
  }
]

var loginOf = map(identity.outputs.identities, item => { objectId: item.principalId, objectType: 'service' })

// What the apps' code reads; tests hold these to the code, both ways.
var busSettings = {
  ServiceBus__fullyQualifiedNamespace: messaging.outputs.hostName
}
var storageSettings = {
  BlobStorage__blobServiceUri: watched.outputs.blobEndpoint
  SOURCE_CONTAINERS: join(watchedContainers, ',')
  COG_CONTAINERS: join(cogContainers, ',')
  THUMBNAILS_CONTAINER: thumbnails
}
var databaseSettings = {
  POSTGRES_HOST: database.outputs.host
  POSTGRES_PORT: database.outputs.port
  POSTGRES_DB: database.outputs.databaseName
  POSTGRES_AUTH: 'entra'
  POSTGRES_SSLMODE: 'require'
  PGSTAC_SCHEMA: 'pgstac'
}
var catalogSettings = {
  STAC_DEFAULT_COLLECTION: restCollection
}
// An instance's memory without 512 MB for the app itself, in equal parts for the calls that it takes at once.
var decoderMemoryMB = {
  extractor: (chosen.apps.extractor.instanceMemoryMB - 512) / loadJsonContent('../../services/extractor/host.json').extensions.serviceBus.maxConcurrentCalls
  'cog-updater': (chosen.apps['cog-updater'].instanceMemoryMB - 512) / loadJsonContent('../../services/cog_updater/host.json').extensions.serviceBus.maxConcurrentCalls
}
var settings = {
  scanner: union(busSettings, storageSettings, databaseSettings, catalogSettings, {
    POSTGRES_USER: 'eventstac_scanner'
    POSTGRES_POOL_SIZE: string(chosen.apps.scanner.poolSize)
    RECONCILE_SCHEDULE: reconcileSchedule
    SCAN_PAGE_SIZE: '500'
    RETRY_LIMIT_HOURS: string(retryLimitHours)
  })
  extractor: union(busSettings, storageSettings, {
    StateStorage__blobServiceUri: state.outputs.blobEndpoint
    CLAIMS_CONTAINER: 'claims'
    RETRY_LIMIT_HOURS: string(retryLimitHours)
    DECODER_MEMORY_MB: string(decoderMemoryMB.extractor)
  })
  loader: union(busSettings, databaseSettings, catalogSettings, {
    POSTGRES_USER: 'eventstac_loader'
    POSTGRES_POOL_SIZE: string(chosen.apps.loader.poolSize)
    CatalogEvents__topicEndpoint: events.outputs.catalogEventsEndpoint
    BlobStorage__blobServiceUri: watched.outputs.blobEndpoint
    StateStorage__blobServiceUri: state.outputs.blobEndpoint
    DEADLETTER_CONTAINER: 'deadletter'
    CLAIMS_CONTAINER: 'claims'
    CONFIG_CONTAINER: config
    RULES_BLOB: 'collections.yaml'
    HOUSEKEEPING_SCHEDULE: housekeepingSchedule
    SKEW_WINDOW_S: string(skewWindowSeconds)
    RETRY_LIMIT_HOURS: string(retryLimitHours)
  })
  'cog-updater': union(busSettings, storageSettings, databaseSettings, catalogSettings, {
    POSTGRES_USER: 'eventstac_cog_updater'
    POSTGRES_POOL_SIZE: string(chosen.apps['cog-updater'].poolSize)
    SKEW_WINDOW_S: string(skewWindowSeconds)
    RETRY_LIMIT_HOURS: string(retryLimitHours)
    DECODER_MEMORY_MB: string(decoderMemoryMB['cog-updater'])
  })
  'stac-api': union(busSettings, databaseSettings, {
    POSTGRES_USER: 'eventstac_stac_api'
    POSTGRES_POOLED: string(pgBouncer)
    STAC_API_CONNECTIONS: string(chosen.apps['stac-api'].poolSize)
    // twice the database's processors; a pooler is a way there and back for each part of a statement
    STAC_API_STATEMENTS_AT_ONCE: string(pgBouncer ? chosen.apps['stac-api'].poolSize : chosen.apps['stac-api'].statementsAtOnce)
    STAC_API_VERSION: '1.0.0'
    STAC_CATALOG_ID: catalogId
    STAC_CATALOG_TITLE: catalogTitle
    STAC_CATALOG_DESCRIPTION: catalogDescription
    STAC_ROOT_URL: rootUrl
    STAC_API_STATEMENT_TIMEOUT_S: string(apiStatementTimeoutSeconds)
    STAC_API_MAX_LIMIT: string(apiMaxLimit)
    STAC_API_CACHE_CONTROL: apiCacheControl
    STAC_API_CORS_ORIGINS: join(apiCorsOrigins, ',')
    REDIS_URL: apiRedisUrl
    BlobStorage__blobServiceUri: watched.outputs.blobEndpoint
    STAC_API_SIGN_IN: apiAccess == 'entra' ? 'platform' : 'none'
    STAC_API_SIGNING: apiSigning && apiAccess != 'entra'
      ? fail('apiSigning needs apiAccess entra: hrefs are signed for callers who signed in')
      : string(apiSigning)
    STAC_API_SIGN_S: string(apiSignSeconds)
    STAC_API_REDIS_TTL_S: string(apiRedisSeconds)
    STAC_API_REDIS_WAIT_MS: '100'
    STAC_API_HTTP: apiHttp
  })
}
// The host finds an identity-based connection by these, and the SDKs' credential by the last part of them.
var connectionsOf = {
  scanner: ['ServiceBus', 'BlobStorage']
  extractor: ['ServiceBus', 'BlobStorage', 'StateStorage']
  loader: ['ServiceBus', 'CatalogEvents', 'BlobStorage', 'StateStorage']
  'cog-updater': ['ServiceBus', 'BlobStorage']
  'stac-api': ['ServiceBus', 'BlobStorage']
}
var alwaysReadyOf = {
  scanner: [{ name: 'function:scan_blob_event', instanceCount: pipelineAlwaysReady }]
  extractor: [{ name: 'function:look_at_blob', instanceCount: pipelineAlwaysReady }]
  loader: [{ name: 'function:load_facts', instanceCount: pipelineAlwaysReady }]
  'cog-updater': []
  'stac-api': [{ name: 'http', instanceCount: apiAlwaysReady }]
}

// One at a time: in a private network they share a subnet, which Azure gives to one app at once.
@batchSize(1)
module app 'modules/function_app.bicep' = [
  for name in apps: {
    scope: group
    name: 'app-${name}'
    params: {
      location: location
      tags: allTags
      app: name
      name: '${prefix}-${name}'
      // an account's name has room for six letters of the app's
      hostAccountName: take('${compact}${replace(name, '-', '')}', 24)
      identity: identity.outputs.identities[indexOf(managed, name)]
      instanceMemoryMB: chosen.apps[name].instanceMemoryMB
      maximumInstanceCount: chosen.apps[name].maximumInstanceCount
      httpConcurrency: chosen.apps[name].?httpConcurrency
      alwaysReady: filter(alwaysReadyOf[name], entry => entry.instanceCount > 0)
      settings: union(
        settings[name],
        toObject(
          connectionsOf[name],
          connection => '${connection}__clientId',
          connection => identity.outputs.identities[indexOf(managed, name)].clientId
        ),
        toObject(connectionsOf[name], connection => '${connection}__credential', connection => 'managedidentity')
      )
      applicationInsightsConnectionString: monitoring.outputs.connectionString
      signInClientId: name == 'stac-api' && apiAccess == 'entra'
        ? (empty(apiClientId)
            ? fail('apiAccess entra needs apiClientId, the application that callers sign in to')
            : apiClientId)
        : ''
      subnetId: privateNetwork ? network!.outputs.appsSubnetId : ''
      privateNetwork: link
    }
    dependsOn: [endpoint]
  }
]

module alerts 'modules/alerts.bicep' = {
  scope: group
  name: 'alerts'
  params: {
    location: location
    tags: allTags
    prefix: prefix
    mailTo: alertMail
    namespaceId: messaging.outputs.namespaceId
    serverId: database.outputs.serverId
    // an alert cannot watch a resource of another subscription
    eventTopicIds: concat(
      events.outputs.topicIds,
      watchedSubscription == subscription().subscriptionId ? [systemTopic.outputs.id] : []
    )
    eventTopicCount: 2 + (watchedSubscription == subscription().subscriptionId ? 1 : 0)
    insightsId: monitoring.outputs.insightsId
    apiName: app[indexOf(apps, 'stac-api')].outputs.name
    backlogMessages: 10000
    apiP95Seconds: 2
    freshnessP95Seconds: freshnessP95Seconds
    oldestMessageSeconds: oldestMessageSeconds
    maxConnections: chosen.database.maxConnections
  }
}

@description('The resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Where the STAC API answers.')
output STAC_API_URL string = app[indexOf(apps, 'stac-api')].outputs.url

@description('For `eventstac`: host name of the Service Bus namespace.')
output ServiceBus__fullyQualifiedNamespace string = messaging.outputs.hostName

@description('For `eventstac`: endpoint of the watched account.')
output BlobStorage__blobServiceUri string = watched.outputs.blobEndpoint

@description('For `eventstac`: host of the database.')
output POSTGRES_HOST string = database.outputs.host

@description('For `eventstac`: name of the database.')
output POSTGRES_DB string = database.outputs.databaseName

@description('For `eventstac`: who it is to the database; `eventstac_operator` for an operator who is not the administrator.')
output POSTGRES_USER string = databaseAdministrator.principalName

@description('For `eventstac`: a token in place of a password.')
output POSTGRES_AUTH string = databaseSettings.POSTGRES_AUTH

@description('For `eventstac`: the connection is encrypted.')
output POSTGRES_SSLMODE string = databaseSettings.POSTGRES_SSLMODE

@description('For `eventstac`: the watched containers.')
output SOURCE_CONTAINERS string = join(watchedContainers, ',')

@description('For `eventstac`: the containers of COGs.')
output COG_CONTAINERS string = join(cogContainers, ',')

@description('For `eventstac`: the container of thumbnails.')
output THUMBNAILS_CONTAINER string = thumbnails

@description('For `eventstac`: the container to which rules files are uploaded.')
output CONFIG_CONTAINER string = config

@description('For `eventstac smoke`: the source container that it uses.')
output SMOKE_CONTAINER string = smoke

@description('For `eventstac`: the Collection of blobs that no rule matches.')
output STAC_DEFAULT_COLLECTION string = restCollection

@description('For `eventstac smoke`: what a token for the API is asked for; empty where it is open to read.')
output STAC_API_SCOPE string = apiAccess == 'entra' ? 'api://${apiClientId}/.default' : ''

@description('The subnet for machines that set up and look after a private deployment; empty without one.')
output OPERATORS_SUBNET_ID string = privateNetwork ? network!.outputs.operatorsSubnetId : ''

@description('For `eventstac`: Application Insights, which hears of rebuilds and replays; it takes nothing without an identity.')
output APPLICATIONINSIGHTS_CONNECTION_STRING string = monitoring.outputs.connectionString

@description('For `eventstac`: who signed in says who it is there.')
output APPLICATIONINSIGHTS_AUTHENTICATION_STRING string = 'Authorization=AAD'

@description('Where converters publish finished COGs.')
output COG_EVENTS_ENDPOINT string = events.outputs.cogEventsEndpoint

@description('A function app is this, a hyphen, and its name: scanner, extractor, loader, cog-updater, stac-api.')
output FUNCTION_APP_PREFIX string = prefix

@description('Who logs in as each database role; `eventstac setup` reads it.')
output DATABASE_PRINCIPALS object = union(
  {
    eventstac_scanner: loginOf[indexOf(managed, 'scanner')]
    eventstac_loader: loginOf[indexOf(managed, 'loader')]
    eventstac_cog_updater: loginOf[indexOf(managed, 'cog-updater')]
    eventstac_stac_api: loginOf[indexOf(managed, 'stac-api')]
  },
  // the administrator has a login already, and one is all that a principal can have
  operator == null || operator.?objectId == databaseAdministrator.objectId
    ? {}
    : {
        eventstac_operator: {
          objectId: operator!.objectId
          objectType: operator!.principalType == 'ServicePrincipal' ? 'service' : toLower(operator!.principalType)
        }
      }
)
