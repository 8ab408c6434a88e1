// A developer's own: small, public, open to read.
using 'main.bicep'

param environmentName = 'dev'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param databaseAdministrator = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param size = 'small'
param apiAccess = 'open'
